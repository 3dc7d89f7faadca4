import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;

/**
 * CodecPeer LIBS OURS THEIRS SEED COUNT: checks the instances in OURS, which Moldau drew and
 * encoded, against the classes of the jars in LIBS, and writes COUNT instances of every message and
 * version to THEIRS. A message and version of the jars that OURS lacks is a failure, and so is a
 * field that was at its default in every instance of one side. Prints failures and
 * `N passed, N failed`.
 */
public final class CodecPeer {
    /** What went wrong with one message and version, and which of its fields were set, by side. */
    private static final class Pair {
        int compared = 0;
        final List<String> failures = new ArrayList<>();
        final Map<String, Boolean> setInOurs;
        final Map<String, Boolean> setInTheirs;

        Pair(Class<?> type, short version) {
            setInOurs = Lister.unset(type, Fields.schema(type, version));
            setInTheirs = new TreeMap<>(setInOurs);
        }
    }

    private static final int FAILURES_SHOWN = 30;
    private static final Drawer.How[] UNTOUCHED = {Drawer.How.DEFAULT, Drawer.How.BARE};

    private final Map<String, Class<? extends ApiMessage>> messages;
    private final Map<String, Pair> pairs = new TreeMap<>();
    private final List<String> strays = new ArrayList<>();

    private CodecPeer(Map<String, Class<? extends ApiMessage>> messages) {
        this.messages = messages;
        for (var each : messages.entrySet()) {
            ApiMessage message = Fields.create(each.getValue());
            short last = message.highestSupportedVersion();
            for (short v = message.lowestSupportedVersion(); v <= last; ++v) {
                pairs.put(each.getKey() + " v" + v, new Pair(each.getValue(), v));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        var peer = new CodecPeer(Jars.messages(Path.of(arguments[0])));
        for (SampleFile.Sample sample : SampleFile.read(Path.of(arguments[1]))) peer.check(sample);
        long seed = Long.parseLong(arguments[3]);
        int count = Integer.parseInt(arguments[4]);
        SampleFile.write(Path.of(arguments[2]), peer.draw(seed, count));
        System.exit(peer.report(count));
    }

    private void check(SampleFile.Sample sample) {
        String name = sample.message() + " v" + sample.version();
        Pair pair = pairs.get(name);
        if (pair == null) {
            if (!strays.contains(name)) strays.add(name);
            return;
        }
        pair.compared += 1;
        try {
            if (pair.compared <= UNTOUCHED.length) checkDefaults(sample, pair);
            ApiMessage message = Fields.create(messages.get(sample.message()));
            ByteBuffer buffer = ByteBuffer.wrap(sample.bytes());
            message.read(new ByteBufferAccessor(buffer), sample.version());
            if (buffer.hasRemaining()) pair.failures.add("Kafka leaves bytes unread");
            var schema = Fields.schema(message.getClass(), sample.version());
            String fields = new Lister(pair.setInOurs).list(message, schema);
            if (!fields.equals(sample.fields())) {
                pair.failures.add("Kafka reads others: " + difference(sample.fields(), fields));
            }
            byte[] encoded = encode(message, sample.version());
            if (!Arrays.equals(encoded, sample.bytes())) {
                pair.failures.add("Kafka writes others: " + difference(sample.bytes(), encoded));
            }
        } catch (RuntimeException e) {
            pair.failures.add("Kafka cannot read it: " + e);
        }
    }

    /** The first instances of a pair are as they are made: both sides make the same. */
    private void checkDefaults(SampleFile.Sample sample, Pair pair) {
        var how = UNTOUCHED[pair.compared - 1];
        var made = new Drawer(0, how).draw(messages.get(sample.message()), sample.version());
        byte[] encoded = encode(made, sample.version());
        if (!Arrays.equals(encoded, sample.bytes())) {
            pair.failures.add("Kafka has other defaults: " + difference(sample.bytes(), encoded));
        }
    }

    private List<SampleFile.Sample> draw(long seed, int count) {
        List<SampleFile.Sample> samples = new ArrayList<>();
        for (var each : messages.entrySet()) {
            ApiMessage limits = Fields.create(each.getValue());
            short last = limits.highestSupportedVersion();
            for (short version = limits.lowestSupportedVersion(); version <= last; ++version) {
                Pair pair = pairs.get(each.getKey() + " v" + version);
                for (int i = 0; i < count; ++i) {
                    var how = Drawer.How.values()[Math.min(i, Drawer.How.RANDOM.ordinal())];
                    var message = new Drawer(seed++, how).draw(each.getValue(), version);
                    var schema = Fields.schema(message.getClass(), version);
                    String fields = new Lister(pair.setInTheirs).list(message, schema);
                    byte[] bytes = encode(message, version);
                    samples.add(new SampleFile.Sample(each.getKey(), version, bytes, fields));
                }
            }
        }
        return samples;
    }

    private int report(int count) {
        int failed = strays.size();
        int shown = 0;
        long instances = 0;
        for (String stray : strays) System.out.println("FAIL " + stray + ": not in Kafka's jars");
        for (var each : pairs.entrySet()) {
            Pair pair = each.getValue();
            instances += pair.compared;
            if (pair.compared != count) {
                pair.failures.add(pair.compared + " of " + count + " instances compared");
            }
            noteUnset(pair, "ours", pair.setInOurs);
            noteUnset(pair, "theirs", pair.setInTheirs);
            if (pair.failures.isEmpty()) continue;
            failed += 1;
            if (shown++ < FAILURES_SHOWN) {
                System.out.println("FAIL " + each.getKey() + ": " + pair.failures.get(0)
                    + (pair.failures.size() > 1 ? " (+" + (pair.failures.size() - 1) + ")" : ""));
            }
        }
        int passed = pairs.size() + strays.size() - failed;
        System.out.println("Kafka read and wrote " + instances + " of our instances of "
            + pairs.size() + " messages and versions (" + messages.size() + " messages)");
        System.out.println(passed + " passed, " + failed + " failed");
        return failed == 0 ? 0 : 1;
    }

    private static void noteUnset(Pair pair, String side, Map<String, Boolean> wasSet) {
        wasSet.forEach((field, set) -> {
            if (!set) pair.failures.add(field + " is at its default in all of " + side);
        });
    }

    private static byte[] encode(ApiMessage message, short version) {
        var cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException("Kafka's size() is wrong");
        return buffer.array();
    }

    private static String difference(String ours, String theirs) {
        String[] a = ours.split("\n");
        String[] b = theirs.split("\n");
        int i = 0;
        while (i < a.length && i < b.length && a[i].equals(b[i])) ++i;
        String left = i < a.length ? cut(a[i]) : "";
        String right = i < b.length ? cut(b[i]) : "";
        return "'" + left + "' / '" + right + "'";
    }

    private static String difference(byte[] ours, byte[] theirs) {
        int at = Arrays.mismatch(ours, theirs);
        int from = Math.max(0, at - 4);
        return "at " + at + " of " + ours.length + " / " + theirs.length + ": "
            + hex(ours, from) + " / " + hex(theirs, from);
    }

    private static String hex(byte[] bytes, int from) {
        int begin = Math.min(from, bytes.length);
        return HexFormat.of().formatHex(bytes, begin, Math.min(begin + 16, bytes.length));
    }

    private static String cut(String text) {
        return text.length() > 100 ? text.substring(0, 100) + "..." : text;
    }
}
