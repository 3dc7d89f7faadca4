import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes an instance as sorted `path=value` lines, in the form of src/wire/testing/sample.h, and
 * notes which fields were ever at something else than their default.
 */
final class Lister {
    /** Path without indices, and whether some instance had it set. */
    private final Map<String, Boolean> wasSet;
    private final List<String> lines = new ArrayList<>();
    private static final Map<Class<?>, Object> DEFAULTS = new HashMap<>();

    Lister(Map<String, Boolean> wasSet) {
        this.wasSet = wasSet;
    }

    /** Every field of a version, not set: also those below arrays that no instance ever fills. */
    static Map<String, Boolean> unset(Class<?> type, Schema schema) {
        Map<String, Boolean> fields = new TreeMap<>();
        addUnset("", type, schema, fields);
        return fields;
    }

    private static void addUnset(
            String generic, Class<?> type, Schema schema, Map<String, Boolean> fields) {
        Fields.Layout layout = Fields.layout(type, schema);
        for (Fields.Entry entry : layout.entries()) {
            String name = generic + (generic.isEmpty() ? "" : ".") + entry.name();
            var element = entry.type().arrayElementType();
            if (element.isPresent()) {
                fields.put(name, false);
                if (element.get() instanceof Schema struct) {
                    addUnset(name, Fields.elementClass(entry.member()), struct, fields);
                }
            } else if (entry.type() instanceof Schema struct) {
                if (entry.type().isNullable()) fields.put(name, false);
                addUnset(name, entry.member().getType(), struct, fields);
            } else {
                fields.put(name, false);
            }
        }
        if (layout.firstFreeTag() >= 0) fields.put(generic + "._tags", false);
    }

    String list(Message message, Schema schema) {
        struct("", "", message, schema);
        Collections.sort(lines);
        return String.join("\n", lines);
    }

    private void struct(String path, String generic, Object object, Schema schema) {
        Fields.Layout layout = Fields.layout(object.getClass(), schema);
        Object fresh = DEFAULTS.computeIfAbsent(object.getClass(), Fields::create);
        for (Fields.Entry entry : layout.entries()) {
            String below = path + (path.isEmpty() ? "" : ".") + entry.name();
            String name = generic + (generic.isEmpty() ? "" : ".") + entry.name();
            Object value = entry.get(object);
            if (entry.type().arrayElementType().isPresent()) {
                boolean filled = value instanceof Collection<?> elements && !elements.isEmpty();
                wasSet.merge(name, filled, Boolean::logicalOr);
            } else {
                note(name, value, entry.get(fresh));
            }
            field(below, name, value, entry);
        }
        if (layout.firstFreeTag() < 0) return;
        List<RawTaggedField> tags = ((Message) object).unknownTaggedFields();
        String below = path + (path.isEmpty() ? "" : ".") + "_tags";
        wasSet.merge(generic + "._tags", !tags.isEmpty(), Boolean::logicalOr);
        line(below, "#", String.valueOf(tags.size()));
        for (int i = 0; i < tags.size(); ++i) {
            String text = tags.get(i).tag() + ":" + HexFormat.of().formatHex(tags.get(i).data());
            line(below + "[" + i + "]", "", text);
        }
    }

    private void field(String path, String generic, Object value, Fields.Entry entry) {
        Type type = entry.type();
        if (type.arrayElementType().isPresent()) {
            var elements = (Collection<?>) value;
            line(path, "#", elements == null ? "null" : String.valueOf(elements.size()));
            if (elements == null) return;
            int i = 0;
            for (Object element : elements) {
                String below = path + "[" + i++ + "]";
                if (type.arrayElementType().get() instanceof Schema schema) {
                    struct(below, generic, element, schema);
                } else {
                    line(below, "", text(element));
                }
            }
        } else if (type instanceof Schema schema) {
            line(path, "?", value == null ? "null" : "set");
            if (value != null) struct(path, generic, value, schema);
        } else {
            line(path, "", text(value));
        }
    }

    private void note(String generic, Object value, Object normal) {
        boolean differs;
        if (value instanceof byte[] bytes) {
            differs = !(normal instanceof byte[] other && Arrays.equals(bytes, other));
        } else if (value instanceof Message && normal instanceof Message) {
            return;  // its fields count
        } else {
            differs = !Objects.equals(value, normal);
        }
        wasSet.merge(generic, differs, Boolean::logicalOr);
    }

    private void line(String path, String mark, String text) {
        lines.add(path + mark + "=" + text);
    }

    private static String text(Object value) {
        if (value == null) return "null";
        if (value instanceof String string) return hex(string.getBytes(StandardCharsets.UTF_8));
        if (value instanceof byte[] bytes) return hex(bytes);
        if (value instanceof ByteBuffer buffer) return hex(remaining(buffer));
        if (value instanceof MemoryRecords records) return hex(remaining(records.buffer()));
        if (value instanceof Uuid id) {
            return String.format(
                "x%016x%016x", id.getMostSignificantBits(), id.getLeastSignificantBits());
        }
        if (value instanceof Double number) {
            return String.format("x%016x%016x", Double.doubleToRawLongBits(number), 0);
        }
        if (value instanceof Boolean || value instanceof Number) return value.toString();
        throw new IllegalStateException("cannot list " + value.getClass());
    }

    private static byte[] remaining(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static String hex(byte[] bytes) {
        return "x" + HexFormat.of().formatHex(bytes);
    }
}
