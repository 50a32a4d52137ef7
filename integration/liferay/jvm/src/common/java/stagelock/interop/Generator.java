package stagelock.interop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Sends random legal argument sets of every allowed call, each followed by an illegal twin; prints an event for each. */
final class Generator {
  private static final int REQUESTS = 6;
  private static final List<String> CHANGES = List.of("enableStaging", "disableStaging", "updateStagedPortlets", "createStagingRequest");

  private final Client client;
  private final Protocol protocol;
  private final Sets sets;
  private final Twins twins;
  private final boolean sendTwins;
  private final List<Line.Call> calls = new ArrayList<>();
  private final List<Sets.Request> requests = new ArrayList<>();
  private final Map<String, Map<String, Object>> counts = new LinkedHashMap<>();
  private final Map<String, Map<String, Object>> twinCounts = new LinkedHashMap<>();
  private final Map<Object, String> last; // what was last changed of each site, by whichever generator
  private long sent;
  private long wanted;

  Generator(Client client, Protocol protocol, Map<Object, String> last, Map<String, Object> command) {
    this.client = client;
    this.last = last;
    this.protocol = protocol;
    Randoms randoms = new Randoms(number(command, "seed", 1), (int) number(command, "depth", 3));
    List<Long> groups = new ArrayList<>();
    for (Object g : (List<?>) command.getOrDefault("groups", List.of(20143L, 20150L))) groups.add(((Number) g).longValue());
    sets = new Sets(randoms, groups);
    twins = new Twins(client.line, randoms);
    sendTwins = !Boolean.FALSE.equals(command.get("twins"));
    wanted = number(command, "n", 100);
    List<String> only = Boot.strings(command.get("only"));
    List<String> except = Boot.strings(command.get("except"));
    for (Line.Call c : client.line.calls()) {
      boolean wanted = only.isEmpty() || only.contains(c.method) || only.contains(c.label());
      if (wanted && !Sets.REFUSED.contains(c.method) && !except.contains(c.method) && !except.contains(c.label())) calls.add(c);
    }
  }

  private static long number(Map<String, Object> command, String key, long otherwise) {
    return ((Number) command.getOrDefault(key, otherwise)).longValue();
  }

  Map<String, Object> run() throws Exception {
    for (int i = 0; sent < wanted; i++) one(calls.get(i % calls.size()));
    return Json.object("sent", sent, "counts", counts, "twins", twinCounts);
  }

  private void one(Line.Call call) throws Exception {
    Object[] args = sets.make(call);
    if (args != null && isRepeat(call, args)) return;
    if (args != null) send(call, args);
    else if (call.method.equals("createStagingRequest")) create();
    else if (call.method.equals("updateStagingRequest")) update(unfinished());
    else if (call.method.equals("cleanUpStagingRequest")) cleanUp(call);
    else publish(call);
  }

  /** Enabling or disabling a site twice with nothing between is a repeat, which a gateway carries out once. */
  private boolean isRepeat(Line.Call call, Object[] args) {
    return call.method.endsWith("ableStaging") && call.method.equals(last.get(args[0]));
  }

  private Sets.Request create() throws Exception {
    if (requests.size() >= REQUESTS) cleanUp(client.find("cleanUpStagingRequest", 1));
    Sets.Request r = sets.request();
    Object id = send(client.find("createStagingRequest", 2), Sets.of(r.group, r.checksum));
    if (!(id instanceof Long)) throw new IllegalStateException("create answered " + id);
    r.id = (Long) id;
    requests.add(r);
    return r;
  }

  private Sets.Request unfinished() throws Exception {
    for (Sets.Request r : requests) if (!r.complete()) return r;
    return create();
  }

  private void update(Sets.Request r) throws Exception {
    Object[] args = sets.update(r);
    r.next++;
    send(client.find("updateStagingRequest", 3), args);
  }

  private void publish(Line.Call call) throws Exception {
    Sets.Request r = requests.isEmpty() ? create() : requests.get(requests.size() - 1);
    while (!r.complete()) update(r);
    send(call, sets.publish(call, r));
  }

  private void cleanUp(Line.Call call) throws Exception {
    Sets.Request r = requests.isEmpty() ? create() : requests.get(0);
    requests.remove(r);
    send(call, Sets.of(r.id));
  }

  /** The twin goes before the legal set: whatever it did to the server would then show in the set's own outcome. */
  private Object send(Line.Call call, Object[] args) throws Exception {
    if (sendTwins) sendTwin(call, args);
    Map<String, Object> event = event(call, true, args);
    event.put("serialized", Recorder.serialized((Object[]) Values.deserialize(Values.serialize(args))));
    sent++;
    if (CHANGES.contains(call.method)) last.put(args[0], call.method);
    return finish(event, count(counts, call.label()), () -> client.call(client.principal(), call, args));
  }

  private void sendTwin(Line.Call call, Object[] args) throws Exception {
    Twins.Twin twin = twins.of(call, args);
    Map<String, Object> event = event(call, false, twin.args);
    event.put("twin", twin.change);
    Object handler = Client.handler(twin.service, twin.method, twin.types, twin.args);
    finish(event, count(twinCounts, twin.change), () -> client.invoke(client.principal(), handler));
  }

  private Map<String, Object> event(Line.Call call, boolean legal, Object[] args) {
    return Json.object("event", "set", "i", sent, "call", call.label(), "service", call.service, "method", call.method, "legal", legal,
        "digest", Values.digest(args));
  }

  private static Map<String, Object> count(Map<String, Map<String, Object>> counts, String name) {
    return counts.computeIfAbsent(name, n -> Json.object("sent", 0L, "ok", 0L));
  }

  private interface Send {
    Object send() throws Exception;
  }

  private Object finish(Map<String, Object> event, Map<String, Object> count, Send send) {
    count.merge("sent", 1L, (a, b) -> (Long) a + (Long) b);
    Object result = null;
    try {
      result = send.send();
      count.merge("ok", 1L, (a, b) -> (Long) a + (Long) b);
      event.put("ok", true);
      event.put("resultDigest", Values.digest(result));
    } catch (Exception e) {
      event.put("ok", false);
      event.put("exception", Protocol.describe(e));
    }
    protocol.write(event);
    return result;
  }
}
