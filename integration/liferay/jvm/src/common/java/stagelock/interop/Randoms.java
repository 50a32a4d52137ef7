package stagelock.interop;

import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TimeZone;
import java.util.UUID;
import java.util.function.Supplier;

/** Random values that a publisher's portal could send: call-legal types, every zone and every locale in turn. */
final class Randoms {
  private static final String[] ZONES = TimeZone.getAvailableIDs();
  private static final Locale[] LOCALES = Locale.getAvailableLocales();
  private static final String[] SCRIPTS = {"abc XYZ 019 ~!@#$%^&*()", "\u00e1rv\u00edzt\u0171r\u0151 \u00df\u00f8", "\u4f8b\u6587\u5b57\ud55c\uae00",
      "\ud83d\ude00\ud83c\udfc1\ud801\udc37", "\u0000\u0001\t\n\r\u007f\u0080\u07ff\u0800\uffff", "<a href=\"x\">&amp;</a>\\u0041{}[]"};

  final Random random;
  private final int depth;
  private int zone;
  private int locale;

  Randoms(long seed, int depth) {
    random = new Random(seed);
    this.depth = depth;
  }

  boolean chance(int oneIn) {
    return random.nextInt(oneIn) == 0;
  }

  <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  /** Mostly short; now and then empty, and now and then longer than the 65,535 bytes that a short string can have. */
  String text() {
    if (chance(12)) return "";
    if (chance(60)) return longText(66_000 + random.nextInt(60_000));
    return longText(1 + random.nextInt(60));
  }

  /** A key of a map: of any script, but as short as keys are. */
  String key() {
    return longText(1 + random.nextInt(60));
  }

  private String longText(int length) {
    StringBuilder out = new StringBuilder();
    String script = SCRIPTS[random.nextInt(SCRIPTS.length)];
    int points = script.codePointCount(0, script.length());
    while (out.length() < length) out.appendCodePoint(script.codePointAt(script.offsetByCodePoints(0, random.nextInt(points))));
    return out.toString();
  }

  /** Characters of a file name. */
  String name(int length) {
    StringBuilder out = new StringBuilder();
    String letters = "ABCXYZabcxyz0189._-";
    while (out.length() < length) out.append(letters.charAt(random.nextInt(letters.length())));
    return out.toString();
  }

  String uuid() {
    return chance(8) ? text() : new UUID(random.nextLong(), random.nextLong()).toString();
  }

  byte[] bytes() {
    byte[] out = new byte[1 + random.nextInt(chance(20) ? 300_000 : 3_000)];
    random.nextBytes(out);
    return out;
  }

  Long number() {
    long[] edges = {0, 1, -1, Long.MAX_VALUE, Long.MIN_VALUE, Integer.MAX_VALUE, 1L << 32};
    return chance(3) ? edges[random.nextInt(edges.length)] : random.nextLong();
  }

  TimeZone zone() {
    return TimeZone.getTimeZone(ZONES[zone++ % ZONES.length]);
  }

  Locale locale() {
    return LOCALES[locale++ % LOCALES.length];
  }

  Date date() {
    return new Date(chance(4) ? random.nextLong() : 1_700_000_000_000L + random.nextInt());
  }

  HashMap<String, String[]> parameterMap() {
    HashMap<String, String[]> out = new HashMap<>();
    int n = size();
    for (int i = n; i > 0; i--) out.put(key(), n > 100 ? new String[] {key()} : strings());
    return chance(10) ? out : merge(out, Models.parameterMap());
  }

  private static HashMap<String, String[]> merge(HashMap<String, String[]> a, HashMap<String, String[]> b) {
    a.putAll(b);
    return a;
  }

  private int size() {
    if (chance(8)) return 0;
    return chance(40) ? 2_000 + random.nextInt(3_000) : random.nextInt(12);
  }

  String[] strings() {
    String[] out = new String[random.nextInt(4)];
    for (int i = 0; i < out.length; i++) out[i] = chance(3) ? text() : String.valueOf(random.nextBoolean());
    return out;
  }

  HashMap<String, String> portlets() {
    HashMap<String, String> out = new HashMap<>();
    for (int i = size(); i > 0; i--) out.put("staged-portlet_" + name(1 + random.nextInt(60)).replace('-', '$'), String.valueOf(random.nextBoolean()));
    return out;
  }

  /** The vendor's own settings for this site in one of the two forms, and more of every kind of value. */
  Map<String, Object> settings(long group) {
    Models.Form form = random.nextBoolean() && group == (int) group ? Models.Form.INTEGER : Models.Form.LONG;
    Map<String, Object> out = Models.settings(form, group, chance(3) ? text() : "live.example.com", random.nextInt(65536));
    for (int i = random.nextInt(10); i > 0; i--) out.put("x-" + key(), value(depth));
    out.put("zones", several(this::zone));
    out.put("locales", several(this::locale));
    return out;
  }

  private ArrayList<Object> several(Supplier<Object> one) {
    ArrayList<Object> out = new ArrayList<>();
    for (int i = 0; i < 15; i++) out.add(one.get());
    return out;
  }

  /** Any value that a setting may have, with at most so many collections inside one another. */
  Object value(int depth) {
    int kind = random.nextInt(depth > 0 ? 22 : 8);
    if (kind < 8) return scalar(kind);
    if (kind < 16) return array(kind);
    return kind < 19 ? list(depth - 1) : map(depth - 1);
  }

  private Object scalar(int kind) {
    switch (kind) {
      case 0: return null;
      case 1: return random.nextBoolean();
      case 2: return random.nextInt();
      case 3: return number();
      case 4: return date();
      case 5: return locale();
      case 6: return zone();
      default: return text();
    }
  }

  private Object array(int kind) {
    switch (kind) {
      case 8: return fill(new Long[random.nextInt(5)], this::number);
      case 9: return fill(new Boolean[random.nextInt(5)], random::nextBoolean);
      case 10: return fill(new Integer[random.nextInt(5)], random::nextInt);
      case 11: return fill(new String[random.nextInt(5)], this::text);
      case 12: return fill(new Date[random.nextInt(3)], this::date);
      case 13: return fill(new Locale[random.nextInt(3)], this::locale);
      case 14: return chance(2) ? new Object[0] : fill(new TimeZone[random.nextInt(3)], this::zone);
      default: return random.longs(random.nextInt(chance(20) ? 5_000 : 6)).toArray();
    }
  }

  private <T> T[] fill(T[] array, Supplier<? extends T> one) {
    for (int i = 0; i < array.length; i++) array[i] = chance(10) ? null : one.get();
    return array;
  }

  private ArrayList<Object> list(int depth) {
    ArrayList<Object> out = new ArrayList<>(random.nextInt(20));
    for (int i = random.nextInt(6); i > 0; i--) out.add(value(depth));
    return out;
  }

  /** Keys of one map are all strings or all numbers. */
  private HashMap<Object, Object> map(int depth) {
    boolean numbers = random.nextBoolean();
    HashMap<Object, Object> out = chance(3) ? new HashMap<>(random.nextInt(100)) : new HashMap<>();
    int n = size();
    for (int i = 0; i < n; i++) out.put(numbers ? (Object) number() : key() + i, n > 100 ? random.nextBoolean() : value(depth));
    return out;
  }
}
