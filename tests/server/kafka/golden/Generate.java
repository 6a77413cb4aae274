// Prints golden bytes of Kafka's messages: for one API key, every version and both directions, as
//
//   request 9 full 0a0b...
//
// The values are made from the schemas of the kafka-clients jar on the class path; the jar's own message class
// must read the bytes and write them back unchanged. "full": every field set, no two alike, two elements an
// array, every known tagged field. "empty": null where null may be, no elements, no tagged fields.
// Run by generate.sh.

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.MemoryRecords;

public class Generate {
  static boolean full;
  static int next;

  public static void main(String[] arguments) {
    ApiKeys key = ApiKeys.forId(Integer.parseInt(arguments[0]));
    int first = Integer.parseInt(arguments[1]);
    int last = Integer.parseInt(arguments[2]);
    for (int version = first; version <= last; version++) {
      if (!key.isVersionSupported((short) version)) continue;
      for (boolean request : new boolean[] {true, false}) {
        Schema schema = (request ? key.messageType.requestSchemas() : key.messageType.responseSchemas())[version];
        for (boolean variant : new boolean[] {true, false}) {
          full = variant;
          next = 0;
          ByteBuffer made = write(schema);
          ApiMessage message = request ? key.messageType.newRequest() : key.messageType.newResponse();
          message.read(new ByteBufferAccessor(made.duplicate()), (short) version);
          ObjectSerializationCache cache = new ObjectSerializationCache();
          ByteBuffer again = ByteBuffer.allocate(message.size(cache, (short) version));
          message.write(new ByteBufferAccessor(again), cache, (short) version);
          again.flip();
          if (!again.equals(made)) throw new IllegalStateException(key + " " + version + " is not as its class writes");
          System.out.printf("%s %02d %s %s%n", request ? "request" : "response", version,
              full ? "full" : "empty", hex(made));
        }
      }
    }
  }

  /** Field by field: the schemas do not show that a struct may be null (a byte before it says whether it is). */
  static ByteBuffer write(Schema schema) {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    for (BoundField field : schema.fields()) {
      Type type = field.def.type;
      if (type instanceof Schema) buffer.put((byte) (full ? 1 : -1));
      if (!(type instanceof Schema) || full) type.write(buffer, type.validate(value(type)));
    }
    buffer.flip();
    return buffer;
  }

  static Struct fill(Schema schema) {
    Struct struct = new Struct(schema);
    for (BoundField field : schema.fields()) {
      struct.set(field, value(field.def.type));
    }
    return struct;
  }

  /** Kafka 3.9 has no accessor. */
  @SuppressWarnings("unchecked")
  static Map<Integer, Field> fields(TaggedFields type) {
    try {
      var fields = TaggedFields.class.getDeclaredField("fields");
      fields.setAccessible(true);
      return (Map<Integer, Field>) fields.get(type);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  static String text() {
    int number = ++next;
    return full ? "s" + number + (number % 5 == 0 ? "-".repeat(130) : "") : "";
  }

  static Object bytes() {
    byte[] content = new byte[full ? 80 + ++next : 0];
    for (int i = 0; i < content.length; i++) content[i] = (byte) (next + i);
    return ByteBuffer.wrap(content);
  }

  static Object value(Type type) {
    if (!full && type.isNullable()) return null;
    if (type instanceof Schema) return fill((Schema) type);
    if (type instanceof TaggedFields) {
      Map<Integer, Object> values = new TreeMap<>();
      if (full) fields((TaggedFields) type).forEach((tag, field) -> values.put(tag, value(field.type)));
      return values;
    }
    if (type.isArray()) {
      return full ? new Object[] {value(type.arrayElementType().get()), value(type.arrayElementType().get())}
                  : new Object[] {};
    }
    String name = type.toString();
    if (name.endsWith("RECORDS")) return MemoryRecords.readableRecords((ByteBuffer) bytes());
    if (name.endsWith("BYTES")) return bytes();
    if (name.endsWith("STRING")) return text();
    if (!full) next = -1;
    switch (name) {
      case "BOOLEAN": return full;
      case "INT8": return (byte) (1 + ++next % 100);
      case "INT16": return (short) (0x0100 + ++next);
      case "UINT16": return 0x8100 + ++next;
      case "INT32": return 0x01020300 + ++next;
      case "UINT32": return 0x81020300L + ++next;
      case "INT64": return 0x0102030405060700L + ++next;
      case "UUID": return new Uuid(0x1112131415161700L + ++next, 0x2122232425262728L);
      case "FLOAT64": return 1.5 + ++next;
      default: throw new IllegalStateException("no value for a field of type " + name);
    }
  }

  static String hex(ByteBuffer buffer) {
    StringBuilder text = new StringBuilder();
    for (int i = buffer.position(); i < buffer.limit(); i++) text.append(String.format("%02x", buffer.get(i)));
    return text.toString();
  }
}
