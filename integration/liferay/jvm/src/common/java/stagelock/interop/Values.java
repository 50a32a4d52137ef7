package stagelock.interop;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TimeZone;
import java.util.TreeMap;

/**
 * Java values as canonical JSON and back. Equal values give equal text: maps are sorted, bytes and long strings stand as
 * their SHA-256, sets as their size: no call has one, and a hostile one unfolds without end. The grammar is in PROTOCOL.md.
 */
final class Values {
  /** Above this a string stands as its digest in what is printed; the digest of the whole covers it all the same. */
  private static final int LONG_STRING = 512;
  private static final int DEPTH = 24;

  private Values() {}

  static Object canonical(Object value) {
    return canonical(value, 0);
  }

  private static Object canonical(Object value, int depth) {
    if (value == null || value instanceof Boolean) return value;
    if (value instanceof String) return string((String) value);
    if (depth > DEPTH) return Json.object("$", "deeper");
    if (value instanceof Long) return tagged("Long", value);
    if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
      return tagged(value.getClass().getSimpleName(), ((Number) value).longValue());
    }
    if (value instanceof Date) return tagged(simple(value), ((Date) value).getTime());
    if (value instanceof Locale) return locale((Locale) value);
    if (value instanceof TimeZone) return zone((TimeZone) value);
    if (value.getClass().isArray()) return array(value, depth);
    if (value instanceof Map) return map((Map<?, ?>) value, depth);
    if (value instanceof Set) return Json.object("$", simple(value), "size", (long) ((Set<?>) value).size());
    if (value instanceof Collection) return collection((Collection<?>) value, depth);
    return object(value, depth);
  }

  private static Map<String, Object> tagged(String type, Object value) {
    return Json.object("$", type, "v", value);
  }

  private static String simple(Object value) {
    String name = value.getClass().getName();
    return name.startsWith("java.util.") && !name.contains("$") ? value.getClass().getSimpleName() : name;
  }

  private static Object string(String s) {
    if (s.length() <= LONG_STRING) return s;
    return Json.object("$", "String", "length", (long) s.length(), "sha256", sha256(s.getBytes(StandardCharsets.UTF_16BE)));
  }

  private static Object locale(Locale l) {
    return Json.object("$", "Locale", "v", l.toLanguageTag(), "parts", List.of(l.getLanguage(), l.getScript(), l.getCountry(),
        l.getVariant(), l.toString()));
  }

  private static Object zone(TimeZone z) {
    return Json.object("$", z.getClass().getName(), "v", z.getID(), "sha256", sha256(serialize(z)));
  }

  private static Object array(Object value, int depth) {
    String type = value.getClass().getComponentType().getSimpleName() + "[]";
    if (value instanceof byte[]) {
      return Json.object("$", type, "length", (long) Array.getLength(value), "sha256", sha256((byte[]) value));
    }
    List<Object> out = new ArrayList<>();
    for (int i = 0; i < Array.getLength(value); i++) {
      Object element = Array.get(value, i);
      boolean number = value.getClass().getComponentType().isPrimitive() && element instanceof Number;
      out.add(number ? (Object) ((Number) element).longValue() : canonical(element, depth + 1));
    }
    return tagged(type, out);
  }

  private static Object map(Map<?, ?> map, int depth) {
    Map<String, Object> sorted = new TreeMap<>();
    for (Map.Entry<?, ?> e : map.entrySet()) {
      List<Object> pair = new ArrayList<>();
      pair.add(canonical(e.getKey(), depth + 1));
      pair.add(canonical(e.getValue(), depth + 1));
      sorted.put(Json.write(pair.get(0)), pair);
    }
    return Json.object("$", simple(map), "v", new ArrayList<>(sorted.values()));
  }

  private static Object collection(Collection<?> c, int depth) {
    List<Object> out = new ArrayList<>();
    for (Object o : c) out.add(canonical(o, depth + 1));
    return tagged(simple(c), out);
  }

  private static Object object(Object value, int depth) {
    if (ObjectStreamClass.lookup(value.getClass()) == null) return Json.object("$", value.getClass().getName());
    Map<String, Object> fields = new TreeMap<>();
    for (Class<?> c = value.getClass(); c != null && c.getName().startsWith("com.liferay."); c = c.getSuperclass()) {
      for (Field f : c.getDeclaredFields()) {
        if (Reflect.isInstanceField(f)) fields.put(f.getName(), canonical(get(f, value), depth + 1));
      }
    }
    return Json.object("$", value.getClass().getName(), "fields", fields);
  }

  private static Object get(Field f, Object target) {
    try {
      f.setAccessible(true);
      return f.get(target);
    } catch (ReflectiveOperationException | RuntimeException e) {
      return "unreadable: " + e;
    }
  }

  /** Adds the vendor's own fields of a Throwable, as far as it has some. */
  static void addThrowableFields(Throwable t, Map<String, Object> out) {
    Map<String, Object> fields = new TreeMap<>();
    for (Class<?> c = t.getClass(); c.getName().startsWith("com.liferay."); c = c.getSuperclass()) {
      for (Field f : c.getDeclaredFields()) {
        if (Reflect.isInstanceField(f)) fields.put(f.getName(), canonical(get(f, t), 1));
      }
    }
    if (!fields.isEmpty()) out.put("fields", fields);
  }

  /** The SHA-256 of the canonical text. */
  static String digest(Object value) {
    return sha256(Json.write(canonical(value)).getBytes(StandardCharsets.US_ASCII));
  }

  static String sha256(byte[] bytes) {
    return hash("SHA-256", bytes);
  }

  static String hash(String algorithm, byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(bytes));
    } catch (java.security.GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  static byte[] serialize(Object value) {
    try (ByteArrayOutputStream bytes = new ByteArrayOutputStream(); ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(value);
      out.flush();
      return bytes.toByteArray();
    } catch (IOException e) {
      throw new IllegalArgumentException("serialize " + value.getClass().getName(), e);
    }
  }

  static Object deserialize(byte[] bytes) throws IOException, ClassNotFoundException {
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
      return in.readObject();
    }
  }

  /** Reads a value of the grammar; a plain number becomes what the type wants, or a Long. */
  static Object parse(Object json, Class<?> type) throws Exception {
    if (json instanceof Map) return parseTagged((Map<?, ?>) json);
    if (json instanceof List) return parseList((List<?>) json);
    if (!(json instanceof Number)) return json;
    Number n = (Number) json;
    Class<?> boxed = Reflect.boxed(type);
    return boxed == Integer.class ? (Object) n.intValue() : boxed == Short.class ? (Object) n.shortValue() : (Object) n.longValue();
  }

  private static List<Object> parseList(List<?> json) throws Exception {
    List<Object> out = new ArrayList<>();
    for (Object o : json) out.add(parse(o, Object.class));
    return out;
  }

  private static Object parseTagged(Map<?, ?> json) throws Exception {
    String type = (String) json.get("$");
    if (type == null) return parsePlainMap(json);
    Object v = json.get("v");
    if (type.endsWith("[]")) return parseArray(type.substring(0, type.length() - 2), json);
    switch (type) {
      case "Long": return ((Number) v).longValue();
      case "Integer": return ((Number) v).intValue();
      case "Short": return ((Number) v).shortValue();
      case "Byte": return ((Number) v).byteValue();
      case "Double": return ((Number) v).doubleValue();
      case "Date": return new Date(((Number) v).longValue());
      case "Locale": return Locale.forLanguageTag((String) v);
      case "TimeZone": return TimeZone.getTimeZone((String) v);
      case "String": return ((String) v).repeat(((Number) json.get("times")).intValue());
      case "ArrayList": return parseList((List<?>) v);
      case "serialized": return deserialize(Base64.getDecoder().decode((String) v));
      case "Configuration": return Models.configuration(json);
      case "collisions": return Hostile.collisions(((Number) v).intValue());
      case "nestedSets": return Hostile.nestedSets(((Number) v).intValue());
      default: return parseMap(type, (List<?>) v);
    }
  }

  private static Object parsePlainMap(Map<?, ?> json) throws Exception {
    Map<Object, Object> out = new HashMap<>();
    for (Map.Entry<?, ?> e : json.entrySet()) out.put(e.getKey(), parse(e.getValue(), Object.class));
    return out;
  }

  @SuppressWarnings("unchecked")
  private static Object parseMap(String type, List<?> pairs) throws Exception {
    Object made = Reflect.make(type.contains(".") ? type : "java.util." + type);
    if (made instanceof Collection) {
      ((Collection<Object>) made).addAll(parseList(pairs));
      return made;
    }
    if (!(made instanceof Map)) return made;
    for (Object p : pairs) {
      List<?> pair = (List<?>) p;
      ((Map<Object, Object>) made).put(parse(pair.get(0), Object.class), parse(pair.get(1), Object.class));
    }
    return made;
  }

  private static final Map<String, Class<?>> ELEMENTS = Map.of("long", long.class, "int", int.class, "Long", Long.class,
      "Integer", Integer.class, "Boolean", Boolean.class, "String", String.class, "Date", Date.class, "Locale", Locale.class,
      "TimeZone", TimeZone.class, "Object", Object.class);

  private static Object parseArray(String element, Map<?, ?> json) throws Exception {
    if (element.equals("byte")) return parseBytes(json);
    Class<?> type = element.equals("ZoneInfo") ? TimeZone.getTimeZone("UTC").getClass() : ELEMENTS.get(element);
    if (type == null) type = Reflect.type(element);
    List<?> v = (List<?>) json.get("v");
    Object out = Array.newInstance(type, v.size());
    for (int i = 0; i < v.size(); i++) Array.set(out, i, parse(v.get(i), type));
    return out;
  }

  private static byte[] parseBytes(Map<?, ?> json) {
    if (json.get("base64") != null) return Base64.getDecoder().decode((String) json.get("base64"));
    byte[] out = new byte[((Number) json.get("length")).intValue()];
    if (json.get("fill") != null) Arrays.fill(out, ((Number) json.get("fill")).byteValue());
    return out;
  }
}
