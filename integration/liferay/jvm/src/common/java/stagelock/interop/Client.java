package stagelock.interop;

import java.lang.reflect.Method;
import java.net.URI;
import java.util.List;
import java.util.Map;

/** Makes calls with the vendor's client classes. */
final class Client {
  final Line line;
  private String baseURL;
  private String login;
  private String password;

  Client(Line line, Map<String, Object> settings) {
    this.line = line;
    password = line.is62 ? null : "{hash}of-the-staging-user";
    set(settings);
  }

  void set(Map<String, Object> settings) {
    baseURL = (String) settings.getOrDefault("baseURL", baseURL);
    login = (String) settings.getOrDefault("login", login);
    password = (String) settings.getOrDefault("password", password);
  }

  String url() {
    return baseURL + "/api/liferay/do";
  }

  String login() {
    return login;
  }

  /** Where live is, as it is typed into a staging site's settings. */
  URI remote() {
    return URI.create(baseURL);
  }

  /** The principal of a command's line; what the line does not say is as at the start. */
  Object principal(Map<String, Object> line) throws Exception {
    String login = (String) line.getOrDefault("login", this.login);
    String url = (String) line.getOrDefault("baseURL", baseURL);
    String password = (String) line.getOrDefault("password", this.password == null ? token(login) : this.password);
    return Reflect.make(this.line.auth + ".HttpPrincipal", url, login, password, true);
  }

  /** 6.2 encrypts the login itself and carries the outcome as the principal's password. */
  private String token(String login) throws Exception {
    Object key = Reflect.callStatic(line.tunnelUtil, "getSharedSecretKey");
    return (String) Reflect.callStatic("com.liferay.util.Encryptor", "encrypt", key, login);
  }

  Object principal() throws Exception {
    return principal(Map.of());
  }

  /** Calls through the line's own ServiceHttp class. */
  Object call(Object principal, Line.Call call, Object... args) throws Exception {
    Object[] all = new Object[args.length + 1];
    all[0] = principal;
    System.arraycopy(args, 0, all, 1, args.length);
    return Reflect.invoke(line.clientMethod(call), null, all);
  }

  Object call(String method, Object... args) throws Exception {
    return call(principal(), find(method, args.length), args);
  }

  Line.Call find(String method, int arguments) {
    Line.Call call = line.call(method, arguments);
    if (call == null) throw new IllegalArgumentException("line " + line.name + " has no " + method + " of " + arguments);
    return call;
  }

  /** Calls anything, through the vendor's TunnelUtil: what a program that holds the secret can send. */
  Object invoke(Object principal, Object handler) throws Exception {
    Class<?> util = Reflect.type(line.tunnelUtil);
    Method invoke = util.getMethod("invoke", principal.getClass(), handler.getClass());
    return Reflect.invoke(invoke, null, principal, handler);
  }

  static Object handler(String type, String method, List<String> types, Object... args) throws Exception {
    Class<?>[] parameters = new Class<?>[types.size()];
    for (int i = 0; i < parameters.length; i++) parameters[i] = Reflect.parameter(types.get(i));
    return handler(Reflect.type(type), method, parameters, args);
  }

  static Object handler(Class<?> type, String method, Class<?>[] parameters, Object... args) throws Exception {
    Class<?> key = Reflect.type("com.liferay.portal.kernel.util.MethodKey");
    Object methodKey = key.getConstructor(Class.class, String.class, Class[].class).newInstance(type, method, parameters);
    return Reflect.type("com.liferay.portal.kernel.util.MethodHandler").getConstructor(key, Object[].class).newInstance(methodKey, args);
  }

  /** The whole body of a call as the vendor writes it. */
  static byte[] body(Object principal, Object handler) throws Exception {
    return Values.serialize(pair(principal, handler));
  }

  static Object pair(Object principal, Object handler) throws Exception {
    return Reflect.make("com.liferay.portal.kernel.util.ObjectValuePair", principal, handler);
  }
}
