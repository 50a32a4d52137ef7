package stagelock.jdk;

import java.io.IOException;
import java.io.ObjectOutputStream;
import java.lang.reflect.Field;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;

/**
 * Writes one serialized JDK object per file, as this JVM writes it. Needs no jar:
 * {@code java --add-opens java.base/java.lang=ALL-UNNAMED Samples.java DIR}.
 */
public final class Samples {
  private static final Map<String, Object> SAMPLES = new LinkedHashMap<>();

  public static void main(String[] args) throws Exception {
    Path dir = Path.of(args[0]);
    scalars();
    arrays();
    collections();
    locales();
    zones();
    throwables();
    for (Map.Entry<String, Object> e : SAMPLES.entrySet()) write(dir.resolve(e.getKey() + ".ser"), e.getValue());
    System.err.println(SAMPLES.size() + " samples");
  }

  private static void write(Path file, Object value) throws IOException {
    try (ObjectOutputStream out = new ObjectOutputStream(Files.newOutputStream(file))) {
      out.writeObject(value);
    }
  }

  private static void scalars() {
    put("null", null);
    put("string-empty", "");
    put("string-ascii", "hello");
    put("string-unicode", "\u0000 \u00e9 \u4f8b \ud83d\ude00 \ud800");
    put("string-65535", "x".repeat(65535));
    put("string-65536", "x".repeat(65536));
    put("string-long-unicode", "\u4f8b\ud83d\ude00".repeat(9000));
    put("long", 40201L);
    put("long-min", Long.MIN_VALUE);
    put("integer", -7);
    put("boolean-true", true);
    put("boolean-false", false);
    put("date", new Date(1700000000123L));
    put("date-negative", new Date(-62135596800001L));
  }

  private static void arrays() {
    Long shared = 1L << 40;
    put("array-Object-0", new Object[0]);
    put("array-Object-mixed", new Object[] {1L, true, 7, "s", null, new Date(0), Locale.US, new long[] {1, 2}});
    put("array-Long", new Long[] {1L, shared, null, shared, Long.MAX_VALUE});
    put("array-Long-0", new Long[0]);
    put("array-Boolean", new Boolean[] {true, false, null, true});
    put("array-Integer", new Integer[] {0, -1, Integer.MAX_VALUE, null});
    put("array-String", new String[] {"a", "", "a", null, "\u00fc"});
    put("array-String-0", new String[0]);
    put("array-Date", new Date[] {new Date(0), null, new Date(1700000000123L)});
    put("array-Locale", new Locale[] {Locale.US, new Locale("hu", "HU"), null, Locale.ROOT});
    put("array-TimeZone", new TimeZone[] {TimeZone.getTimeZone("UTC"), TimeZone.getTimeZone("Europe/Budapest"), null});
    put("array-ZoneInfo", zoneInfos("UTC", "America/New_York"));
    put("array-long", new long[] {0, -1, Long.MAX_VALUE});
    put("array-long-0", new long[0]);
    put("array-int", new int[] {0, -1, Integer.MAX_VALUE});
    put("array-byte", new byte[] {0, 1, (byte) 0xff});
    put("array-array-Long", new Long[][] {{1L}, {}, null});
    put("array-array-long", new long[][] {{1L, 2L}, {}});
    put("array-ArrayList", new ArrayList[] {new ArrayList<>(List.of("a")), null});
    put("array-HashMap", new HashMap[] {new HashMap<>(Map.of("a", 1L))});
  }

  private static Object zoneInfos(String... ids) {
    Object zones = java.lang.reflect.Array.newInstance(TimeZone.getTimeZone("UTC").getClass(), ids.length);
    for (int i = 0; i < ids.length; i++) java.lang.reflect.Array.set(zones, i, TimeZone.getTimeZone(ids[i]));
    return zones;
  }

  private static void collections() {
    put("list-empty", new ArrayList<>());
    put("list-empty-capacity", new ArrayList<>(32));
    put("list-strings", new ArrayList<>(Arrays.asList("a", "b", "a", null)));
    put("list-nested", new ArrayList<>(List.of(new ArrayList<>(List.of(new ArrayList<>(List.of("deep")))))));
    put("list-grown", fill(new ArrayList<>(), 1000));
    put("map-empty", new HashMap<>());
    put("map-empty-capacity", new HashMap<>(100));
    put("map-load-factor", new HashMap<>(16, 0.5f));
    put("map-empty-constructed", new HashMap<>(new HashMap<>()));
    Map<String, String[]> parameters = new HashMap<>();
    String[] yes = {"true"};
    parameters.put("PERMISSIONS", yes);
    parameters.put("PORTLET_DATA", yes);
    parameters.put("cmd", new String[] {"publish_to_remote"});
    parameters.put("none", new String[0]);
    parameters.put("null", null);
    put("map-String-StringArray", parameters);
    put("map-Long-Boolean", new HashMap<>(Map.of(1L, true, 2L, false, 1L << 33, true)));
    put("map-String-String", new HashMap<>(Map.of("", "", "\u4f8b", "\u4f8b")));
    HashMap<Object, Object> nullKey = new HashMap<>();
    nullKey.put(null, null);
    put("map-null-key", nullKey);
    HashMap<String, Object> big = new HashMap<>();
    for (int i = 0; i < 5000; i++) big.put("key-" + i, (long) i);
    put("map-grown", big);
    HashMap<String, Object> shrunk = new HashMap<>(big);
    shrunk.keySet().removeIf(k -> !k.endsWith("00"));
    put("map-shrunk", shrunk);
    HashMap<String, Object> aliased = new HashMap<>();
    aliased.put("Aa", 1L);
    aliased.put("BB", 2L);
    aliased.put("AaAa", 3L);
    aliased.put("BBBB", 4L);
    put("map-colliding", aliased);
  }

  private static List<Object> fill(List<Object> list, int n) {
    for (int i = 0; i < n; i++) list.add((long) i);
    return list;
  }

  private static void locales() {
    put("locale-root", Locale.ROOT);
    put("locale-en-US", Locale.US);
    put("locale-language", new Locale("de"));
    put("locale-variant", new Locale("es", "ES", "Traditional_WIN"));
    put("locale-script", Locale.forLanguageTag("zh-Hant-TW"));
    put("locale-extensions", Locale.forLanguageTag("ar-EG-u-ca-islamic-nu-arab-x-priv"));
    put("locale-all", Locale.forLanguageTag("sr-Latn-RS-POSIX-a-foo-u-co-phonebk"));
    put("locale-he", new Locale("he", "IL"));
    put("locale-thai", new Locale("th", "TH", "TH"));
    put("locale-norwegian", new Locale("no", "NO", "NY"));
    Locale hashed = Locale.forLanguageTag("pt-BR");
    hashed.hashCode();
    put("locale-hashed", hashed);
  }

  private static void zones() {
    for (String id : List.of("UTC", "GMT", "Europe/Budapest", "America/New_York", "Asia/Kolkata", "Asia/Tokyo",
        "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Apia", "Asia/Tehran", "Etc/GMT+12", "EST"))
      put("zone-" + id.replace('/', '-'), TimeZone.getTimeZone(id));
    put("zone-custom", TimeZone.getTimeZone("GMT+05:45"));
    TimeZone renamed = (TimeZone) TimeZone.getTimeZone("Europe/London").clone();
    renamed.setID("Own Name");
    put("zone-renamed", renamed);
    TimeZone moved = (TimeZone) TimeZone.getTimeZone("Europe/Berlin").clone();
    moved.setRawOffset(5_400_000);
    put("zone-moved", moved);
    put("zone-simple", new SimpleTimeZone(3_600_000, "X", Calendar.MARCH, -1, Calendar.SUNDAY, 3_600_000,
        Calendar.OCTOBER, -1, Calendar.SUNDAY, 3_600_000));
  }

  private static void throwables() throws Exception {
    put("exception", new Exception("message"));
    put("exception-no-message", new Exception());
    put("exception-cause", new RuntimeException("outer", new IllegalStateException("inner")));
    put("exception-null-cause", new Exception("m", null));
    Exception suppressed = new Exception("has suppressed");
    suppressed.addSuppressed(new IOException("one"));
    suppressed.addSuppressed(new IllegalArgumentException("two", new Error("cause of two")));
    put("exception-suppressed", suppressed);
    Exception noStack = new Exception("no stack");
    noStack.setStackTrace(new StackTraceElement[0]);
    put("exception-no-stack", noStack);
    put("exception-suppression-disabled", new Unsuppressable("m"));
    put("exception-java8", java8(new Exception("as Java 7 and 8 write it")));
    put("exception-java8-cause", java8(new RuntimeException("outer", java8(new Exception("inner")))));
    Exception java8Suppressed = java8(new Exception("m"));
    setSuppressed(java8Suppressed, new ArrayList<>(List.of(java8(new IOException("one")))));
    put("exception-java8-suppressed", java8Suppressed);
    try {
      List.of(1).add(2);
    } catch (UnsupportedOperationException e) {
      put("exception-thrown", e);
    }
    try {
      Object o = "s";
      Integer i = (Integer) o;
    } catch (ClassCastException e) {
      put("exception-class-cast", e);
    }
    try {
      throw new ExceptionInInitializerError(new Exception("in init"));
    } catch (ExceptionInInitializerError e) {
      put("exception-initializer", e);
    }
    put("exception-invocation", new java.lang.reflect.InvocationTargetException(new Exception("target"), "m"));
  }

  /** Java 7 and 8 stand an unmodifiable view of an empty ArrayList where Java 9 and later stand EmptyList. */
  private static <T extends Throwable> T java8(T t) throws Exception {
    setSuppressed(t, Collections.unmodifiableList(new ArrayList<>(0)));
    return t;
  }

  private static void setSuppressed(Throwable t, List<Throwable> list) throws Exception {
    Field f = Throwable.class.getDeclaredField("suppressedExceptions");
    f.setAccessible(true);
    f.set(t, list);
  }

  private static final class Unsuppressable extends Exception {
    private static final long serialVersionUID = 1L;

    Unsuppressable(String message) {
      super(message, null, false, false);
    }
  }

  private static void put(String name, Object value) {
    SAMPLES.put(name, value);
  }
}
