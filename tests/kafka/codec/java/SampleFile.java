import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The file by which the two sides exchange instances; peer.cc has its other half. */
final class SampleFile {
    /** One instance: its message and version, its bytes, and its fields as sorted lines of text. */
    record Sample(String message, short version, byte[] bytes, String fields) {}

    private SampleFile() {}

    static List<Sample> read(Path path) throws IOException {
        List<Sample> samples = new ArrayList<>();
        try (var in = new DataInputStream(new BufferedInputStream(Files.newInputStream(path)))) {
            for (int left = in.readInt(); left > 0; --left) {
                String message = new String(bytes(in), StandardCharsets.UTF_8);
                short version = in.readShort();
                byte[] encoded = bytes(in);
                String fields = new String(bytes(in), StandardCharsets.UTF_8);
                samples.add(new Sample(message, version, encoded, fields));
            }
            if (in.read() != -1) throw new IOException("more samples than announced");
        }
        return samples;
    }

    static void write(Path path, List<Sample> samples) throws IOException {
        try (var file = Files.newOutputStream(path);
                var out = new DataOutputStream(new BufferedOutputStream(file))) {
            out.writeInt(samples.size());
            for (Sample sample : samples) {
                write(out, sample.message().getBytes(StandardCharsets.UTF_8));
                out.writeShort(sample.version());
                write(out, sample.bytes());
                write(out, sample.fields().getBytes(StandardCharsets.UTF_8));
            }
        }
    }

    private static byte[] bytes(DataInputStream in) throws IOException {
        return in.readNBytes(in.readInt());
    }

    private static void write(DataOutputStream out, byte[] bytes) throws IOException {
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
