package stagelock.interop;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Names of one line of the vendor's releases: which package holds what. */
final class Line {
  final String name;
  final boolean is62;
  final String model;
  final String staging;
  final String group;
  final String layout;
  final String user;
  final String service;
  final String lar;
  final String auth;
  final String tunnelUtil;
  private List<Call> calls;

  Line(String name) {
    this.name = name;
    is62 = name.equals("6.2");
    String kernel = is62 ? "com.liferay.portal" : "com.liferay.portal.kernel";
    model = kernel + ".model";
    service = kernel + ".service";
    auth = kernel + ".security.auth";
    staging = (is62 ? service : "com.liferay.exportimport.kernel.service") + ".StagingService";
    group = service + ".GroupService";
    layout = service + ".LayoutService";
    user = service + ".UserService";
    lar = is62 ? "com.liferay.portal.kernel.lar" : "com.liferay.exportimport.kernel.lar";
    tunnelUtil = service + ".http.TunnelUtil";
  }

  /** The services that a tunnel call of the line can name here. */
  List<String> services() {
    List<String> out = new ArrayList<>(List.of(staging, group, layout, user));
    if (!is62) out.add(service + ".ClassNameService");
    return out;
  }

  /** One remote call that the line's own client can make. */
  static final class Call {
    final String service;
    final String method;
    final Class<?>[] types;
    final Class<?> returns;

    Call(String service, String method, Class<?>[] types, Class<?> returns) {
      this.service = service;
      this.method = method;
      this.types = types;
      this.returns = returns;
    }

    String label() {
      StringBuilder out = new StringBuilder(method).append('(');
      for (int i = 0; i < types.length; i++) out.append(i > 0 ? "," : "").append(types[i].getSimpleName());
      return out.append(')').toString();
    }
  }

  List<Call> calls() {
    if (calls == null) calls = readCalls();
    return calls;
  }

  private List<Call> readCalls() {
    List<Call> out = new ArrayList<>();
    for (Object o : (List<?>) Json.parse(resource("/calls.json"))) {
      Map<?, ?> c = (Map<?, ?>) o;
      if (!((List<?>) c.get("lines")).contains(name)) continue;
      if (!((String) c.get("service")).endsWith("ServiceUtil")) continue; // made without a client class, see Flows
      List<?> names = (List<?>) c.get("parameters");
      Class<?>[] types = new Class<?>[names.size()];
      for (int i = 0; i < types.length; i++) types[i] = Reflect.parameter((String) names.get(i));
      out.add(new Call((String) c.get("service"), (String) c.get("method"), types, Reflect.parameter((String) c.get("returns"))));
    }
    return out;
  }

  Call call(String method, int arguments) {
    for (Call c : calls()) if (c.method.equals(method) && c.types.length == arguments) return c;
    return null;
  }

  boolean has(String method) {
    for (Call c : calls()) if (c.method.equals(method)) return true;
    return false;
  }

  /** The client class that makes the call: GroupServiceUtil is called by GroupServiceHttp. */
  Class<?> client(Call call) {
    String simple = call.service.substring(call.service.lastIndexOf('.') + 1).replace("ServiceUtil", "ServiceHttp");
    boolean exportImport = simple.startsWith("Staging") && !is62;
    return Reflect.type((exportImport ? "com.liferay.portlet.exportimport" : "com.liferay.portal") + ".service.http." + simple);
  }

  Method clientMethod(Call call) throws NoSuchMethodException {
    Class<?>[] types = new Class<?>[call.types.length + 1];
    types[0] = Reflect.type(auth + ".HttpPrincipal");
    System.arraycopy(call.types, 0, types, 1, call.types.length);
    return client(call).getMethod(call.method, types);
  }

  private static String resource(String path) {
    try (InputStream in = Line.class.getResourceAsStream(path)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("read " + path, e);
    }
  }
}
