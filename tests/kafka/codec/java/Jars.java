import java.io.IOException;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.apache.kafka.common.protocol.ApiMessage;

/** Finds every message class in Kafka's jars: what must be compared comes from here alone. */
final class Jars {
    /** Without one of these the comparison would be smaller than it claims. */
    private static final String[] NEEDED = {
        "kafka-clients", "kafka-group-coordinator", "kafka-metadata", "kafka-raft",
        "kafka-share-coordinator", "kafka-storage", "kafka-transaction-coordinator"};

    private Jars() {}

    /** By message name: the schema's, so FetchRequest for FetchRequestData. */
    static Map<String, Class<? extends ApiMessage>> messages(Path folder) throws Exception {
        Map<String, Class<? extends ApiMessage>> found = new TreeMap<>();
        TreeSet<String> jars = new TreeSet<>();
        try (var files = Files.newDirectoryStream(folder, "kafka*.jar")) {
            for (Path jar : files) {
                if (addFrom(jar, found)) jars.add(jar.getFileName().toString());
            }
        }
        for (String needed : NEEDED) {
            if (jars.stream().noneMatch(name -> name.matches(needed + "-[0-9.]+\\.jar"))) {
                throw new IOException("no message in " + needed + "; found " + jars);
            }
        }
        return found;
    }

    private static boolean addFrom(Path jar, Map<String, Class<? extends ApiMessage>> found)
            throws Exception {
        boolean any = false;
        try (JarFile file = new JarFile(jar.toFile())) {
            for (JarEntry entry : Collections.list(file.entries())) {
                Class<? extends ApiMessage> type = messageClass(entry.getName());
                if (type == null) continue;
                any = true;
                if (found.put(messageName(type), type) != null) {
                    throw new IOException("two classes for " + messageName(type));
                }
            }
        }
        return any;
    }

    private static Class<? extends ApiMessage> messageClass(String entry) {
        if (!entry.endsWith(".class")) return null;
        if (entry.contains("$") || entry.contains("-info")) return null;
        Class<?> type;
        try {
            String name = entry.substring(0, entry.length() - ".class".length()).replace('/', '.');
            type = Class.forName(name, false, Jars.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError e) {
            return null;  // needs a library that Kafka only uses when it is there; not a message
        }
        boolean message = ApiMessage.class.isAssignableFrom(type) && !type.isInterface()
            && !Modifier.isAbstract(type.getModifiers()) && Modifier.isPublic(type.getModifiers());
        return message ? type.asSubclass(ApiMessage.class) : null;
    }

    /** Requests and responses have Data appended to the schema's name. */
    private static String messageName(Class<?> type) {
        return type.getSimpleName().replaceFirst("(Request|Response|Header)Data$", "$1");
    }
}
