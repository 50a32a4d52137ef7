package stagelock.interop;

import java.lang.reflect.Method;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Stands where the services of a portal stand: writes down every call and answers as it was told to. */
final class Recorder {
  /** The company's own group of that name, into which nobody publishes. */
  private static final long CONTROL_PANEL = 20101;

  private final Line line;
  private final Requests requests;
  private final List<Map<String, Object>> calls = new ArrayList<>();
  private final Map<String, Deque<Map<String, Object>>> answers = new HashMap<>();
  private final Map<String, Object> installed = new LinkedHashMap<>();
  private long executed;
  private final Set<Long> libraries = new HashSet<>();
  private String displayURL = "http://127.0.0.1/web/live";

  Recorder(Line line) {
    this.line = line;
    requests = new Requests(line);
  }

  /** Puts a recorder behind every service that a tunnel call can name here. */
  void install() throws ReflectiveOperationException {
    for (String service : line.services()) {
      Object proxy = Reflect.proxy(Reflect.type(service), (self, method, args) -> record(service, method, args));
      Reflect.setStatic(service + "Util", "_service", proxy);
      installed.put(service + "Util", proxy);
    }
  }

  /** Whose service stands behind each utility class now: a call can have taken the recorder away. */
  Map<String, Object> services() throws ReflectiveOperationException {
    Map<String, Object> out = Json.object();
    for (Map.Entry<String, Object> e : installed.entrySet()) {
      Object now = Reflect.field(Reflect.type(e.getKey()), "_service").get(null);
      out.put(e.getKey().substring(e.getKey().lastIndexOf('.') + 1), now == e.getValue() ? "recorder" : String.valueOf(now));
    }
    return out;
  }

  void set(Map<String, Object> settings) {
    if (settings.get("displayURL") != null) displayURL = (String) settings.get("displayURL");
    if (settings.get("library") != null) libraries.add(((Number) settings.get("library")).longValue());
    if (settings.get("checkMD5") != null) requests.checkMD5 = (Boolean) settings.get("checkMD5");
  }

  private Object record(String service, Method method, Object[] args) throws Throwable {
    Map<String, Object> call = describe(service, method, args);
    synchronized (this) {
      executed++;
      call.put("n", executed);
      calls.add(call);
    }
    try {
      for (Object arg : args) settings(arg, call);
      Object result = answer(method, args);
      call.put("result", Values.canonical(result));
      call.put("resultDigest", Values.digest(result));
      return result;
    } catch (Throwable t) {
      call.put("exception", Json.object("class", t.getClass().getName(), "message", t.getMessage()));
      throw t;
    }
  }

  /** Reads a configuration's settings as the vendor's service does, and notes where the import would go. */
  private static void settings(Object arg, Map<String, Object> call) throws Exception {
    if (arg instanceof List && !((List<?>) arg).isEmpty()) arg = ((List<?>) arg).get(0);
    if (arg == null || !arg.getClass().getName().equals(Models.CONFIGURATION)) return;
    Boot.DESERIALIZED.remove();
    Map<?, ?> settings = (Map<?, ?>) Reflect.call(arg, "getSettingsMap");
    if (Boot.DESERIALIZED.get() != null) call.put("deserialized", Boot.DESERIALIZED.get());
    if (settings == null) return;
    call.put("target", Values.canonical(settings.get("targetGroupId")));
    call.put("remoteAddress", Values.canonical(settings.get("remoteAddress")));
  }

  private static Map<String, Object> describe(String service, Method method, Object[] args) {
    List<Object> types = new ArrayList<>();
    for (Class<?> t : method.getParameterTypes()) types.add(t.getName());
    return Json.object("service", service + "Util", "method", method.getName(), "types", types, "args", canonical(args),
        "digest", Values.digest(args), "serialized", serialized(args), "user", Server.USER.get());
  }

  static List<Object> canonical(Object[] args) {
    List<Object> out = new ArrayList<>();
    for (Object a : args) out.add(Values.canonical(a));
    return out;
  }

  /** Digests of each argument, serialized by itself. */
  static List<Object> serialized(Object[] args) {
    List<Object> out = new ArrayList<>();
    for (Object a : args) out.add(a == null ? null : Values.sha256(Values.serialize(a)));
    return out;
  }

  private Object answer(Method method, Object[] args) throws Throwable {
    Map<String, Object> told;
    synchronized (this) {
      Deque<Map<String, Object>> queue = answers.get(method.getName());
      told = queue == null ? null : queue.poll();
    }
    if (told == null) return usual(method, args);
    if (told.get("delayMs") != null) Thread.sleep(((Number) told.get("delayMs")).longValue());
    if (told.get("throw") != null) throw Throwables.make((String) told.get("throw"), told);
    if (Boolean.TRUE.equals(told.get("missing"))) return Models.missing(line, true);
    if (told.get("serialized") != null) return Values.deserialize(Base64.getDecoder().decode((String) told.get("serialized")));
    if (!told.containsKey("value")) return usual(method, args);
    return Values.parse(told.get("value"), method.getReturnType());
  }

  private Object usual(Method method, Object[] args) throws Throwable {
    switch (method.getName()) {
      case "createStagingRequest": return requests.create((Long) args[0], (String) args[1]);
      case "updateStagingRequest": return requests.update((Long) args[0], (String) args[1], (byte[]) args[2]);
      case "validateStagingRequest": return requests.assemble((Long) args[0]);
      case "publishStagingRequest": return requests.publish((Long) args[0], method.getReturnType());
      case "cleanUpStagingRequest": return requests.cleanUp((Long) args[0]);
      case "getGroup": return group(args);
      case "getLayoutByUuidAndGroupId": return Models.layout(line, (String) args[0], (Long) args[1], (Boolean) args[2]);
      case "fetchByClassNameId": return Models.className((Long) args[0]);
      case "getGroupDisplayURL": return displayURL;
      default: return simple(method.getReturnType());
    }
  }

  /** A site by its number, an asset library where that was said; by its name the one that every company has. */
  private Object group(Object[] args) throws Exception {
    long id = args.length > 1 && "Control Panel".equals(args[1]) ? CONTROL_PANEL : (Long) args[0];
    Object group = Models.group(line, id);
    if (libraries.contains(id)) Models.library(group);
    if (id == CONTROL_PANEL) Reflect.call(group, "setFriendlyURL", "/control_panel");
    return group;
  }

  private static Object simple(Class<?> type) {
    if (type == long.class) return 30001L;
    if (type == boolean.class) return true;
    return type == String.class ? "text" : Reflect.zero(type);
  }

  /** Queues answers for a method: each is used once, then the usual one is given again. */
  synchronized Map<String, Object> program(Map<String, Object> line) {
    Deque<Map<String, Object>> queue = answers.computeIfAbsent((String) line.get("method"), m -> new ArrayDeque<>());
    if (Boolean.TRUE.equals(line.get("clear"))) queue.clear();
    Object list = line.get("answers");
    if (list != null) for (Object o : (List<?>) list) queue.add(asMap(o));
    return Json.object("queued", (long) queue.size());
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asMap(Object o) {
    return (Map<String, Object>) o;
  }

  /** Lists the calls since the last time and forgets them. */
  synchronized Map<String, Object> take() {
    List<Map<String, Object>> out = new ArrayList<>(calls);
    calls.clear();
    return Json.object("calls", out);
  }

  synchronized long executed() {
    return executed;
  }

  Map<String, Object> requests() {
    return requests.describe();
  }

  synchronized void reset() throws ReflectiveOperationException {
    calls.clear();
    answers.clear();
    requests.clear();
    executed = 0;
    install();
  }
}
