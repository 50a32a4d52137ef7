package stagelock.interop;

import java.io.ByteArrayInputStream;
import java.io.InvalidClassException;
import java.io.ObjectInputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Reads streams with the line's own classes and prints what a JVM sees in them: proof for streams that others wrote. */
public final class Read {
  private Read() {}

  public static void main(String[] args) throws Exception {
    Protocol protocol = new Protocol();
    Line line = Boot.start(protocol.read());
    protocol.on("read", l -> read(Base64.getDecoder().decode((String) l.get("body"))));
    protocol.on("stop", l -> Json.object());
    protocol.write(Json.object("ok", true, "line", line.name));
    protocol.serve();
    System.exit(0);
  }

  /** A request comes apart into principal and call, anything else stands as one value. */
  private static Map<String, Object> read(byte[] body) throws Exception {
    ByteArrayInputStream bytes = new ByteArrayInputStream(body);
    Object root = new ObjectInputStream(bytes).readObject();
    Map<String, Object> out = root instanceof Throwable ? Json.object("thrown", Protocol.describe((Throwable) root))
        : root != null && root.getClass().getSimpleName().equals("ObjectValuePair") ? request(root)
        : Json.object("value", Values.canonical(root), "digest", Values.digest(root));
    out.put("same", Arrays.equals(Values.serialize(root), body));
    return out;
  }

  private static Map<String, Object> request(Object pair) throws Exception {
    Object principal = Reflect.call(pair, "getKey");
    Object handler = Reflect.call(pair, "getValue");
    if (handler == null || !handler.getClass().getSimpleName().equals("MethodHandler")) {
      throw new InvalidClassException("no MethodHandler but " + handler);
    }
    Object key = Reflect.field(handler.getClass(), "_methodKey").get(handler);
    Object[] arguments = (Object[]) Reflect.field(handler.getClass(), "_arguments").get(handler);
    List<Object> types = new ArrayList<>();
    for (Class<?> t : (Class<?>[]) Reflect.call(key, "getParameterTypes")) types.add(t.getName());
    return Json.object("principal", Values.canonical(principal), "service", ((Class<?>) Reflect.call(key, "getDeclaringClass")).getName(),
        "method", Reflect.call(key, "getMethodName"), "types", types, "args", Recorder.canonical(arguments),
        "digest", Values.digest(arguments), "serialized", Recorder.serialized(arguments));
  }
}
