import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;

/** Which members of a message class a version has, by Kafka's own schema of that version. */
final class Fields {
    /** A field of one version; `name` is as both sides write it. */
    record Entry(String name, Type type, Field member) {
        Object get(Object of) {
            try {
                return member.get(of);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }

        void set(Object of, Object value) {
            try {
                member.set(of, value);
            } catch (IllegalAccessException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    /** The fields, and where unknown tags may begin: -1 when the version is not flexible. */
    record Layout(List<Entry> entries, int firstFreeTag) {}

    private static final Map<Class<?>, Map<String, Field>> MEMBERS = new HashMap<>();
    private static final Map<Schema, Layout> LAYOUTS = new HashMap<>();

    private Fields() {}

    static Schema schema(Class<?> type, short version) {
        return schemas(type)[version];
    }

    private static Schema[] schemas(Class<?> type) {
        try {
            return (Schema[]) type.getField("SCHEMAS").get(null);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static Layout layout(Class<?> type, Schema schema) {
        return LAYOUTS.computeIfAbsent(schema, s -> makeLayout(type, s));
    }

    /** What a list holds: the type argument of the member, or of the collection's superclass. */
    static Class<?> elementClass(Field member) {
        var generic = member.getGenericType() instanceof ParameterizedType parameterized
            ? parameterized
            : (ParameterizedType) member.getType().getGenericSuperclass();
        return (Class<?>) generic.getActualTypeArguments()[0];
    }

    static <T> T create(Class<T> type) {
        try {
            var constructor = type.getDeclaredConstructor();
            constructor.setAccessible(true);
            return constructor.newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static boolean isStruct(Class<?> type) {
        return Message.class.isAssignableFrom(type);
    }

    private static Layout makeLayout(Class<?> type, Schema schema) {
        List<Entry> entries = new ArrayList<>();
        int firstFreeTag = -1;
        for (BoundField field : schema.fields()) {
            if (!(field.def.type instanceof TaggedFields tagged)) {
                entries.add(entry(type, field.def.name, field.def.type));
                continue;
            }
            firstFreeTag = firstFreeTag(type);
            for (var each : tagged.fields().values()) {
                entries.add(entry(type, each.name, each.type));
            }
        }
        return new Layout(entries, firstFreeTag);
    }

    /** After the tags of all versions: Kafka refuses a tag that only another version has. */
    private static int firstFreeTag(Class<?> type) {
        int free = 0;
        for (Schema schema : schemas(type)) {
            if (schema == null) continue;
            for (BoundField field : schema.fields()) {
                if (!(field.def.type instanceof TaggedFields tagged)) continue;
                for (int tag : tagged.fields().keySet()) free = Math.max(free, tag + 1);
            }
        }
        return free;
    }

    private static Entry entry(Class<?> type, String schemaName, Type schemaType) {
        String name = schemaName.replace("k_raft", "kraft");
        Field member = MEMBERS.computeIfAbsent(type, Fields::members).get(name);
        if (member == null) throw new IllegalStateException(type + " has no member " + name);
        return new Entry(name, schemaType, member);
    }

    private static Map<String, Field> members(Class<?> type) {
        Map<String, Field> members = new HashMap<>();
        for (Field member : type.getDeclaredFields()) {
            if (Modifier.isStatic(member.getModifiers())) continue;
            member.setAccessible(true);
            members.put(snake(member.getName()), member);
        }
        return members;
    }

    private static String snake(String camel) {
        return camel.replace("kRaft", "kraft")
            .replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase();
    }
}
