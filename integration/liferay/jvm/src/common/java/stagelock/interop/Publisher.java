package stagelock.interop;

import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The vendor's tunnel client, told what to do line by line. See PROTOCOL.md. */
public final class Publisher {
  private final Client client;
  private final Protocol protocol;
  private final Map<Object, String> changed = new TreeMap<>();

  private Publisher(Client client, Protocol protocol) {
    this.client = client;
    this.protocol = protocol;
  }

  public static void main(String[] args) throws Exception {
    Protocol protocol = new Protocol();
    Map<String, Object> settings = protocol.read();
    long start = System.nanoTime();
    Line line = Boot.start(settings);
    Publisher publisher = new Publisher(new Client(line, settings), protocol);
    publisher.commands();
    protocol.write(Json.object("ok", true, "line", line.name, "calls", labels(line), "ms", (System.nanoTime() - start) / 1_000_000));
    protocol.serve();
    System.exit(0);
  }

  private static List<Object> labels(Line line) {
    List<Object> out = new ArrayList<>();
    for (Line.Call c : line.calls()) out.add(c.label());
    return out;
  }

  private void commands() {
    protocol.on("call", this::call);
    protocol.on("invoke", this::invoke);
    protocol.on("publish", l -> new Publication(client, l).run());
    protocol.on("flow", new Flows(client)::run);
    protocol.on("generate", l -> new Generator(client, protocol, changed, l).run());
    protocol.on("hostile", l -> new Attacks(client, l).run());
    protocol.on("raw", l -> Raw.send(client, l));
    protocol.on("body", this::body);
    protocol.on("authorization", l -> Json.object("header", Raw.authorization(client, (String) l.getOrDefault("login", client.login()))));
    protocol.on("set", l -> {
      client.set(l);
      return Json.object();
    });
    protocol.on("stop", l -> Json.object());
  }

  /** {"method","args","times"}: one of the line's own calls; with times, how often each outcome came. */
  private Map<String, Object> call(Map<String, Object> line) throws Exception {
    List<?> json = (List<?>) line.getOrDefault("args", List.of());
    Line.Call call = client.find((String) line.get("method"), json.size());
    Object[] args = arguments(json, call.types);
    if (line.get("times") != null) return repeat(line, call, args);
    return result(client.call(client.principal(line), call, args), args);
  }

  private Map<String, Object> repeat(Map<String, Object> line, Line.Call call, Object[] args) throws Exception {
    Object principal = client.principal(line);
    Map<String, Object> outcomes = new TreeMap<>();
    List<Object> each = new ArrayList<>();
    for (long i = ((Number) line.get("times")).longValue(); i > 0; i--) {
      String outcome = "ok";
      try {
        client.call(principal, call, args);
      } catch (Throwable t) {
        outcome = t.getClass().getName();
        each.add(Json.object("class", outcome, "message", t.getMessage()));
      }
      outcomes.merge(outcome, 1L, (a, b) -> (Long) a + (Long) b);
    }
    return Json.object("outcomes", outcomes, "thrown", each);
  }

  /** {"class","method","types","args"}: any call, whether the line's client could make it or not. */
  private Map<String, Object> invoke(Map<String, Object> line) throws Exception {
    Object handler = handler(line);
    return result(client.invoke(client.principal(line), handler), new Object[0]);
  }

  private Object handler(Map<String, Object> line) throws Exception {
    List<String> types = Boot.strings(line.get("types"));
    Class<?>[] parameters = new Class<?>[types.size()];
    for (int i = 0; i < parameters.length; i++) parameters[i] = Reflect.parameter(types.get(i));
    Object[] args = arguments((List<?>) line.getOrDefault("args", List.of()), parameters);
    return Client.handler((String) line.get("class"), (String) line.get("method"), types, args);
  }

  /** The bytes that invoke would send, for a caller that wants to change them and send them raw. */
  private Map<String, Object> body(Map<String, Object> line) throws Exception {
    byte[] body = Client.body(client.principal(line), handler(line));
    return Json.object("body", Base64.getEncoder().encodeToString(body));
  }

  private static Object[] arguments(List<?> json, Class<?>[] types) throws Exception {
    Object[] out = new Object[json.size()];
    for (int i = 0; i < out.length; i++) out[i] = Values.parse(json.get(i), i < types.length ? types[i] : Object.class);
    return out;
  }

  private static Map<String, Object> result(Object result, Object[] args) throws Exception {
    return Json.object("result", Values.canonical(result), "resultDigest", Values.digest(result), "digest", Values.digest(args),
        "serialized", Recorder.serialized((Object[]) Values.deserialize(Values.serialize(args))));
  }
}
