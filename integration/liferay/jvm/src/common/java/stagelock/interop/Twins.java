package stagelock.interop;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.SimpleTimeZone;

/** Makes an illegal call out of a legal one by one change, and says which. */
final class Twins {
  static final long OTHER_SITE = 9_999_999L;

  private final Randoms randoms;
  private final Line line;

  Twins(Line line, Randoms randoms) {
    this.line = line;
    this.randoms = randoms;
  }

  /** An illegal call: what is sent, and the name of the change. */
  static final class Twin {
    String change;
    Class<?> service;
    String method;
    Class<?>[] types;
    Object[] args;
  }

  private interface Change {
    void on(Twin twin) throws Exception;
  }

  Twin of(Line.Call call, Object[] args) throws Exception {
    Map<String, Change> changes = changes(call, args);
    Twin twin = new Twin();
    twin.service = Reflect.type(call.service);
    twin.method = call.method;
    twin.types = call.types;
    twin.args = copy(args);
    twin.change = randoms.pick(new ArrayList<>(changes.keySet()));
    changes.get(twin.change).on(twin);
    return twin;
  }

  /** Mutable values are copied by serialization, so that the legal set stays as it is. */
  private static Object[] copy(Object[] args) throws Exception {
    return (Object[]) Values.deserialize(Values.serialize(args));
  }

  private Map<String, Change> changes(Line.Call call, Object[] args) {
    Map<String, Change> out = new LinkedHashMap<>();
    everywhere(out, args);
    for (int i = 0; i < args.length; i++) bySlot(out, call, args, i);
    return out;
  }

  private void everywhere(Map<String, Change> out, Object[] args) {
    out.put("extra argument", t -> t.args = Boot.append(t.args, "extra"));
    out.put("extra parameter", t -> {
      t.args = Boot.append(t.args, "extra");
      t.types = Boot.append(t.types, String.class);
    });
    out.put("another service", t -> {
      t.service = Reflect.type(line.user + "Util");
      t.method = "getUserById";
    });
    out.put("another method", t -> t.method = "deleteGroup");
    out.put("no service", t -> t.service = Reflect.type("com.liferay.portal.kernel.util.PropsUtil"));
    if (args.length > 0) out.put("missing argument", t -> t.args = Arrays.copyOf(t.args, t.args.length - 1));
  }

  private void bySlot(Map<String, Change> out, Line.Call call, Object[] args, int i) {
    Object value = args[i];
    out.put("unknown class in slot " + i, t -> t.args[i] = stranger());
    if (value instanceof Long) out.put("integer for long in slot " + i, t -> t.args[i] = 7);
    if (value instanceof Boolean) out.put("text for boolean in slot " + i, t -> t.args[i] = "true");
    if (value instanceof byte[]) out.put("long[] for byte[]", t -> t.args[i] = new long[] {1});
    if (i == group(call)) out.put("other site", t -> t.args[i] = OTHER_SITE);
    if (i == 0 && isRequest(call)) out.put("request nobody created", t -> t.args[0] = 777_000L);
    if (call.method.equals("createStagingRequest") && i == 1) checksum(out);
    if (call.method.equals("updateStagingRequest") && i == 1) partName(out, value);
    if (value instanceof HashMap) map(out, i);
    if (call.method.equals("updateStagedPortlets") && i == 1) portlets(out);
    if (isConfiguration(value)) configuration(out, i);
    if (value instanceof ArrayList) list(out, i);
  }

  /** Where a call names its site, or -1. */
  private static int group(Line.Call call) {
    if (call.method.equals("getGroup") && call.types.length == 2) return -1;
    if (call.method.matches("hasRemoteLayout|getLayoutByUuidAndGroupId|getLayoutPlid|fetchLayoutPlid|hasLayout")) return 1;
    return call.method.matches("hasPortletId|fetchByClassNameId|propagate.*|.*StagingRequest") && !call.method.startsWith("create") ? -1 : 0;
  }

  /** A clean-up of a request that nobody created is answered, not refused. */
  private static boolean isRequest(Line.Call call) {
    return call.method.matches("(update|validate|publish)StagingRequest");
  }

  private static boolean isConfiguration(Object value) {
    return value != null && value.getClass().getName().equals(Models.CONFIGURATION);
  }

  private Object stranger() {
    List<Object> strangers = List.of(new Properties(), BigInteger.TEN, new StringBuilder("x"), new LinkedHashMap<>(), 1.5d,
        new SimpleTimeZone(0, "X"), new java.util.concurrent.ConcurrentHashMap<>(), new java.util.LinkedList<>(), 'c', (short) 3);
    return randoms.pick(strangers);
  }

  private void checksum(Map<String, Change> out) {
    out.put("checksum too short", t -> t.args[1] = ((String) t.args[1]).substring(1));
    out.put("checksum in capitals", t -> t.args[1] = "ABCDEF00112233445566778899AABBCC");
    out.put("checksum with a path", t -> t.args[1] = "../" + ((String) t.args[1]).substring(3));
    out.put("checksum null", t -> t.args[1] = null);
  }

  private void partName(Map<String, Change> out, Object name) {
    out.put("part with a path", t -> t.args[1] = "../" + t.args[1]);
    out.put("part without a number", t -> t.args[1] = "part.lar");
    out.put("part of one digit", t -> t.args[1] = "part.lar7");
    out.put("part of the engine's name", t -> t.args[1] = "assembled_1.lar00");
    out.put("part with a line break", t -> t.args[1] = "part\n.lar00");
    out.put("part of 201 characters", t -> t.args[1] = "x".repeat(199) + "00");
    if (!((String) name).matches(".*[^0-9]0+")) {
      out.put("part of another width", t -> t.args[1] = ((String) t.args[1]).replaceFirst("\\d+$", "0000007"));
    }
    out.put("part null", t -> t.args[2] = null);
  }

  @SuppressWarnings("unchecked")
  private static Map<Object, Object> asMap(Object o) {
    return (Map<Object, Object>) o;
  }

  private void map(Map<String, Change> out, int i) {
    out.put("another map class in slot " + i, t -> t.args[i] = new LinkedHashMap<>(asMap(t.args[i])));
    out.put("mixed keys in slot " + i, t -> {
      asMap(t.args[i]).put(1L, "true");
      asMap(t.args[i]).put("a", "true");
    });
    out.put("null key in slot " + i, t -> asMap(t.args[i]).put(null, "true"));
    out.put("unknown class in the map of slot " + i, t -> asMap(t.args[i]).put("a", stranger()));
  }

  private void portlets(Map<String, Change> out) {
    out.put("portlet key with a line break", t -> asMap(t.args[1]).put("staged-portlet_x\nstagedRemotely=true\ny", "true"));
    out.put("portlet key of another setting", t -> asMap(t.args[1]).put("stagedRemotely", "true"));
    out.put("portlet value", t -> asMap(t.args[1]).put("staged-portlet_x", "true\nstagedRemotely=true"));
  }

  private Map<Object, Object> settings(Twin t, int i) throws ReflectiveOperationException {
    return asMap(Reflect.field(t.args[i].getClass(), "_settingsMap").get(t.args[i]));
  }

  private void configuration(Map<String, Change> out, int i) {
    out.put("settings null", t -> Reflect.set(t.args[i], "_settingsMap", null));
    out.put("settings of another map class", t -> Reflect.set(t.args[i], "_settingsMap", new LinkedHashMap<>(settings(t, i))));
    out.put("target of another site", t -> settings(t, i).put("targetGroupId", OTHER_SITE));
    out.put("target as text", t -> settings(t, i).put("targetGroupId", "20143"));
    out.put("target missing", t -> settings(t, i).remove("targetGroupId"));
    out.put("setting with a number as key", t -> settings(t, i).put(7L, "x"));
    out.put("setting of unknown class", t -> settings(t, i).put("x", stranger()));
    out.put("setting with mixed keys", t -> settings(t, i).put("x", new HashMap<>(Map.of("a", 1L, 1L, "a"))));
    out.put("setting too deep", t -> settings(t, i).put("x", deep(8)));
    out.put("configuration that holds another", t -> Reflect.set(t.args[i], "_escapedModel", escaped(t.args[i])));
  }

  private static Object deep(int levels) {
    Object out = "end";
    for (int i = 0; i < levels; i++) out = new ArrayList<>(List.of(out));
    return out;
  }

  private static Object escaped(Object configuration) throws Exception {
    return Reflect.make(configuration.getClass().getName());
  }

  @SuppressWarnings("unchecked")
  private void list(Map<String, Change> out, int i) {
    out.put("event with a stranger", t -> ((List<Object>) t.args[i]).add(stranger()));
    out.put("event in another list class", t -> t.args[i] = new java.util.LinkedList<>((List<Object>) t.args[i]));
  }
}
