package stagelock.interop;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.catalina.Context;
import org.apache.catalina.startup.Tomcat;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;

/** The vendor's servlet behind the vendor's authentication, in Tomcat; what it calls is recorded. See PROTOCOL.md. */
public final class Server {
  static final long COMPANY = 20097L;
  static final ThreadLocal<Long> USER = ThreadLocal.withInitial(() -> 0L);

  private final Line line;
  private final Recorder recorder;
  private final Meter meter = new Meter();
  private final Map<String, Long> users = new LinkedHashMap<>();
  private final Tomcat tomcat = new Tomcat();

  private Server(Line line) {
    this.line = line;
    recorder = new Recorder(line);
  }

  public static void main(String[] args) throws Exception {
    Protocol protocol = new Protocol();
    Map<String, Object> settings = protocol.read();
    long start = System.nanoTime();
    Server server = new Server(Boot.start(settings));
    int port = server.start(settings);
    server.commands(protocol);
    protocol.write(Json.object("ok", true, "line", server.line.name, "port", (long) port, "ms", (System.nanoTime() - start) / 1_000_000));
    protocol.serve();
    server.tomcat.stop();
    System.exit(0);
  }

  private int start(Map<String, Object> settings) throws Exception {
    users(settings.get("users"));
    provideUsers();
    recorder.set(settings);
    recorder.install();
    Path base = Files.createTempDirectory("tomcat");
    base.toFile().deleteOnExit();
    tomcat.setBaseDir(base.toString());
    tomcat.setPort(0);
    tomcat.getConnector().setProperty("address", (String) settings.getOrDefault("address", "127.0.0.1"));
    mount((String) settings.getOrDefault("contextPath", ""), base);
    tomcat.start();
    return tomcat.getConnector().getLocalPort();
  }

  /** As in a portal's web.xml: the filter and the servlet on /api/liferay/*. */
  private void mount(String contextPath, Path base) throws Exception {
    Context context = tomcat.addContext(contextPath, base.toString());
    javax.servlet.Servlet servlet = (javax.servlet.Servlet) Reflect.make("com.liferay.portal.servlet.TunnelServlet");
    Tomcat.addServlet(context, "Tunnel Servlet", servlet);
    context.addServletMappingDecoded("/api/liferay/*", "Tunnel Servlet");
    FilterDef def = new FilterDef();
    def.setFilterName("Tunnel Servlet Filter");
    def.setFilter(new Verifier(line, meter));
    context.addFilterDef(def);
    FilterMap map = new FilterMap();
    map.setFilterName(def.getFilterName());
    map.addURLPattern("/api/liferay/*");
    context.addFilterMap(map);
  }

  private void users(Object list) {
    users.put("publisher@example.com", 20199L);
    if (list == null) return;
    users.clear();
    for (Map.Entry<?, ?> e : ((Map<?, ?>) list).entrySet()) users.put((String) e.getKey(), ((Number) e.getValue()).longValue());
  }

  private void provideUsers() throws ReflectiveOperationException {
    Class<?> type = Reflect.type(line.service + ".UserLocalService");
    Object service = Reflect.proxy(type, (self, method, args) -> {
      if (!method.getName().startsWith("fetchUser")) return Reflect.zero(method.getReturnType());
      Object key = args[args.length - 1];
      Long id = key instanceof Long ? (users.containsValue(key) ? (Long) key : null) : users.get(key);
      return id == null ? null : user(id);
    });
    Reflect.setStatic(line.service + ".UserLocalServiceUtil", "_service", service);
  }

  private Object user(long id) {
    return Reflect.proxy(Reflect.type(line.model + ".User"), (self, method, args) -> {
      if (method.getName().equals("getUserId")) return id;
      if (method.getName().equals("isActive")) return true;
      return Reflect.zero(method.getReturnType());
    });
  }

  private void commands(Protocol protocol) {
    protocol.on("calls", l -> recorder.take());
    protocol.on("answer", recorder::program);
    protocol.on("requests", l -> recorder.requests());
    protocol.on("counters", l -> counters());
    protocol.on("set", this::set);
    protocol.on("throwables", l -> Json.object("classes", Throwables.scan()));
    protocol.on("reset", l -> {
      recorder.reset();
      meter.reset();
      return Json.object();
    });
    protocol.on("stop", l -> Json.object());
  }

  private Map<String, Object> counters() throws ReflectiveOperationException {
    Map<String, Object> out = meter.describe();
    out.put("executed", recorder.executed());
    out.put("services", recorder.services());
    return out;
  }

  private Map<String, Object> set(Map<String, Object> settings) throws Exception {
    recorder.set(settings);
    Object properties = settings.get("properties");
    if (properties != null) {
      for (Map.Entry<?, ?> e : ((Map<?, ?>) properties).entrySet()) Boot.set((String) e.getKey(), e.getValue());
    }
    if (settings.get("hideExceptionData") == null) return Json.object();
    String name = "TUNNEL_SERVLET_HIDE_EXCEPTION_DATA";
    for (String type : List.of("com.liferay.portal.util.PropsValues", "com.liferay.portal.kernel.util.PropsValues")) {
      if (Reflect.exists(type) && Statics.put(type, name, settings.get("hideExceptionData"))) return Json.object("hidden", true);
    }
    throw new IllegalArgumentException("line " + line.name + " has no tunnel.servlet.hide.exception.data");
  }
}
