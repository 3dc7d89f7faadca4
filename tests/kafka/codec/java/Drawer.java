import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/** Draws instances of Kafka's classes; the other side's are drawn by src/wire/testing. */
final class Drawer {
    enum How { DEFAULT, BARE, EMPTY, MAX, RANDOM }

    private static final int ELEMENTS_MAX = 300;
    private static final int STRING_MAX = 32767;

    private final Random random;
    private final How how;
    private int elements = 0;
    private boolean longDrawn = false;

    Drawer(long seed, How how) {
        this.random = new Random(seed);
        this.how = how;
    }

    <T extends Message> T draw(Class<T> type, short version) {
        T message = Fields.create(type);
        if (how != How.DEFAULT) fill(message, Fields.schema(type, version));
        return message;
    }

    private void fill(Object struct, Schema schema) {
        Fields.Layout layout = Fields.layout(struct.getClass(), schema);
        for (Fields.Entry entry : layout.entries()) {
            if (how == How.BARE && !isNeeded(entry, struct)) continue;
            entry.set(struct, value(entry.type(), entry.member()));
        }
        if (layout.firstFreeTag() >= 0 && (how == How.MAX || (how == How.RANDOM && chance(4)))) {
            addTags(((Message) struct).unknownTaggedFields(), layout.firstFreeTag());
        }
    }

    /** A bare instance has its structs, and what must not be null; all else is at its default. */
    private static boolean isNeeded(Fields.Entry entry, Object struct) {
        Type type = entry.type();
        return type instanceof Schema || type.arrayElementType().orElse(null) instanceof Schema
            || (entry.get(struct) == null && !type.isNullable());
    }

    private void addTags(List<RawTaggedField> tags, int firstFree) {
        int tag = firstFree + random.nextInt(4);
        tags.add(new RawTaggedField(tag, bytes()));
        if (chance(3)) tags.add(new RawTaggedField(tag + 1 + random.nextInt(1000), bytes()));
        if (chance(3)) tags.add(new RawTaggedField(Integer.MAX_VALUE - 1, bytes()));
    }

    private Object value(Type type, Field member) {
        boolean drawNull = how == How.EMPTY || (how == How.RANDOM && chance(4));
        if (type.isNullable() && drawNull) return null;
        var elementType = type.arrayElementType();
        if (elementType.isPresent()) return array(elementType.get(), member);
        if (type instanceof Schema schema) {
            Object struct = Fields.create(member.getType());
            fill(struct, schema);
            return struct;
        }
        return scalar(type, member.getType());
    }

    @SuppressWarnings("unchecked")
    private Object array(Type elementType, Field member) {
        Collection<Object> array = List.class.equals(member.getType())
            ? new ArrayList<>()
            : (Collection<Object>) Fields.create(member.getType());
        Class<?> elementClass = Fields.elementClass(member);
        for (int left = count(); left > 0; --left) {
            if (elementType instanceof Schema schema) {
                Object element = Fields.create(elementClass);
                fill(element, schema);
                array.add(element);
            } else {
                array.add(scalar(elementType, elementClass));
            }
        }
        return array;
    }

    private Object scalar(Type type, Class<?> member) {
        if (member == boolean.class) return how == How.MAX || (how == How.RANDOM && chance(2));
        if (member == byte.class || member == Byte.class) return (byte) number(8);
        if (member == short.class || member == Short.class) return (short) number(16);
        if (member == int.class || member == Integer.class) {
            return type == Type.UINT16 ? (int) number(16) & 0xffff : (int) number(32);
        }
        if (member == long.class || member == Long.class) {
            return type == Type.UNSIGNED_INT32 ? number(32) & 0xffffffffL : number(64);
        }
        if (member == double.class) return floating();
        if (member == String.class) return text();
        if (member == Uuid.class) return new Uuid(number(64), number(64));
        if (member == byte[].class) return bytes();
        if (member == ByteBuffer.class) return ByteBuffer.wrap(bytes());
        if (BaseRecords.class.isAssignableFrom(member)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        }
        throw new IllegalStateException("cannot fill " + member);
    }

    private boolean chance(int oneIn) {
        return random.nextInt(oneIn) == 0;
    }

    private int count() {
        if (how == How.EMPTY) return 0;
        if (how == How.BARE) return 1;
        int count = how == How.MAX ? 1 : random.nextInt(4);
        if (chance(60)) count = 126 + random.nextInt(4);
        count = Math.min(count, ELEMENTS_MAX - elements);
        elements += count;
        return count;
    }

    private long number(int bits) {
        long max = bits == 64 ? Long.MAX_VALUE : (1L << (bits - 1)) - 1;
        if (how == How.EMPTY) return 0;
        if (how == How.MAX) return max;
        return switch (random.nextInt(6)) {
            case 0 -> chance(2) ? max : -max - 1;
            case 1 -> -1;
            case 2 -> random.nextInt(4);
            default -> random.nextLong();
        };
    }

    private double floating() {
        if (how == How.EMPTY) return 0;
        if (chance(4)) return chance(2) ? -0.0 : Double.NEGATIVE_INFINITY;
        return random.nextLong() / 1024.0;
    }

    private int length() {
        if (how == How.EMPTY || how == How.BARE) return 0;
        if (how == How.MAX && !longDrawn && chance(4)) {
            longDrawn = true;
            return STRING_MAX;
        }
        return switch (random.nextInt(16)) {
            case 0 -> how == How.MAX ? 1 : 0;
            case 1 -> 126 + random.nextInt(3);
            case 2 -> 1023 + random.nextInt(3);
            default -> 1 + random.nextInt(12);
        };
    }

    private String text() {
        int length = length();
        StringBuilder text = new StringBuilder();
        for (int left = length; left > 0;) {
            if (left >= 4 && chance(20)) {
                text.appendCodePoint(0x1F30A);
                left -= 4;
            } else if (left >= 2 && chance(20)) {
                text.append('\u0159');
                left -= 2;
            } else {
                text.append((char) (' ' + random.nextInt(95)));
                left -= 1;
            }
        }
        return text.toString();
    }

    private byte[] bytes() {
        byte[] bytes = new byte[length()];
        random.nextBytes(bytes);
        return bytes;
    }
}
