package stagelock.interop;

import java.io.InputStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import javax.crypto.Cipher;

/** Makes one line's classes work outside a portal. What is set here a portal's start-up would have set. */
final class Boot {
  private static final String KERNEL = "com.liferay.portal.kernel.";
  private static final String IMPL = "com.liferay.portal.security.auth.";

  /** The text that this thread last handed to the vendor's other deserializer, the one that reads JSON with class names. */
  static final ThreadLocal<String> DESERIALIZED = new ThreadLocal<>();

  /** Class names as a portal's table numbers them: of a site, an asset library, the company's own group. */
  static final Map<Long, String> CLASS_NAMES = new java.util.TreeMap<>(Map.of(
      20002L, "com.liferay.depot.model.DepotEntry", 20003L, "Company", 20001L, "Group"));

  /** Services that flows need beside those of the tunnel; none for anybody else. */
  static Function<Class<?>, Object> services = type -> null;

  private Boot() {}

  /** Starts the line with the operator's settings: secret, algorithm, hex, properties, trust. */
  static Line start(Map<String, Object> settings) throws Exception {
    Line line = new Line((String) settings.get("line"));
    for (String name : List.of("Group", "Company")) CLASS_NAMES.put(name.equals("Group") ? 20001L : 20003L, line.model + "." + name);
    trust(settings);
    properties(settings);
    if (Reflect.exists("com.liferay.registry.RegistryUtil")) registry();
    if (!line.is62) tunnel(line);
    models(line);
    return line;
  }

  /** The properties must be there before the first class reads them into a constant. */
  private static void properties(Map<String, Object> settings) throws Exception {
    Reflect.callStatic(KERNEL + "util.PortalClassLoaderUtil", "setClassLoader", Boot.class.getClassLoader());
    set("tunneling.servlet.shared.secret", settings.get("secret"));
    set("tunneling.servlet.shared.secret.hex", settings.get("hex"));
    set("tunneling.servlet.encryption.algorithm", settings.get("algorithm"));
    Object more = settings.get("properties");
    if (more != null) for (Map.Entry<?, ?> e : ((Map<?, ?>) more).entrySet()) set((String) e.getKey(), e.getValue());
    Object props = Reflect.make("com.liferay.portal.util.PropsImpl");
    Reflect.callStatic(KERNEL + "util.PropsUtil", "setProps", props);
  }

  static void set(String key, Object value) throws Exception {
    if (value != null) Reflect.callStatic("com.liferay.portal.util.PropsUtil", "set", key, String.valueOf(value));
  }

  /** 7.0 to 7.3 find their services in a registry. */
  private static void registry() throws Exception {
    Class<?> tracker = Reflect.type("com.liferay.registry.ServiceTracker");
    Object registry = Reflect.proxy(Reflect.type("com.liferay.registry.Registry"), (self, method, args) -> {
      if (method.getName().equals("trackServices")) return tracker(tracker, args[0]);
      if (method.getName().equals("getRegistry") || method.getName().equals("setRegistry")) return self;
      if (Collection.class.isAssignableFrom(method.getReturnType())) return new ArrayList<>();
      if (method.getReturnType().isInterface()) return Reflect.silent(method.getReturnType());
      return Reflect.zero(method.getReturnType());
    });
    Reflect.callStatic("com.liferay.registry.RegistryUtil", "setRegistry", registry);
  }

  private static Object tracker(Class<?> type, Object tracked) {
    Supplier<Object> service = tracked instanceof Class ? implementation((Class<?>) tracked) : () -> null;
    return Reflect.proxy(type, (self, method, args) ->
        method.getName().equals("getService") ? service.get() : Reflect.zero(method.getReturnType()));
  }

  /** Made at the first use: the implementations read properties and other utilities while they load. */
  private static Supplier<Object> implementation(Class<?> type) {
    Map<String, String> implementations = Map.of("TunnelAuthenticationManager", IMPL + "tunnel.TunnelAuthenticationManagerImpl",
        "HttpAuthManager", IMPL + "http.HttpAuthManagerImpl");
    String name = implementations.get(type.getSimpleName());
    Object[] made = new Object[1];
    return () -> {
      try {
        if (made[0] == null && name != null) made[0] = Reflect.make(name);
        return name != null ? made[0] : services.apply(type);
      } catch (Exception e) {
        throw new IllegalStateException("make " + name, e);
      }
    };
  }

  private static void tunnel(Line line) throws Exception {
    inject(KERNEL + "security.auth.tunnel.TunnelAuthenticationManagerUtil", IMPL + "tunnel.TunnelAuthenticationManagerImpl");
    inject(KERNEL + "security.auth.http.HttpAuthManagerUtil", IMPL + "http.HttpAuthManagerImpl");
    if (!Reflect.exists(KERNEL + "encryptor.Encryptor")) return;
    provide(KERNEL + "encryptor.EncryptorUtil", encryptor(Reflect.type(KERNEL + "encryptor.Encryptor")));
  }

  private static void inject(String util, String implementation) throws Exception {
    if (Reflect.exists(util) && Reflect.exists(implementation)) provide(util, Reflect.make(implementation));
  }

  /** Puts the service where the utility class of this line keeps it: a static field, or the supplier of a snapshot. */
  static void provide(String util, Object service) throws ReflectiveOperationException {
    for (Field f : Reflect.type(util).getDeclaredFields()) {
      if (!java.lang.reflect.Modifier.isStatic(f.getModifiers())) continue;
      f.setAccessible(true);
      if (f.getType().isInstance(service) && f.getType() != Object.class) {
        f.set(null, service);
      } else if (f.getType().getSimpleName().equals("Snapshot") && f.getName().startsWith("_" + lower(util))) {
        Reflect.set(f.get(null), "_serviceSupplier", (Supplier<Object>) () -> service);
      }
    }
  }

  private static String lower(String util) {
    String simple = util.substring(util.lastIndexOf('.') + 1).replaceFirst("Util$", "");
    return Character.toLowerCase(simple.charAt(0)) + simple.substring(1);
  }

  /** 7.4's encryptor is in a module that no repository holds; it asks the JVM for the cipher by its bare name, as this does. */
  private static Object encryptor(Class<?> type) {
    return Reflect.proxy(type, (self, method, args) -> {
      if (!method.getName().equals("encrypt")) throw new UnsupportedOperationException(method.getName());
      Key key = (Key) args[0];
      Cipher cipher = Cipher.getInstance(key.getAlgorithm());
      cipher.init(Cipher.ENCRYPT_MODE, key);
      return Base64.getEncoder().encodeToString(cipher.doFinal(((String) args[1]).getBytes(StandardCharsets.UTF_8)));
    });
  }

  /** What model classes and the servlet ask of the portal; a line takes what it has. */
  private static void models(Line line) throws Exception {
    for (String name : List.of("Http", "Portal", "Localization", "Html", "FastDateFormatFactory")) {
      String portal = line.is62 && name.equals("Portal") ? "com.liferay.portal.util." : KERNEL + "util.";
      if (!Reflect.exists(portal + name + "Util") || !Reflect.exists(portal + name)) continue;
      provide(portal + name + "Util", portal(Reflect.type(portal + name)));
    }
    Class<?> json = Reflect.type(KERNEL + "json.JSONFactory");
    provide(KERNEL + "json.JSONFactoryUtil", Reflect.proxy(json, (self, method, args) -> {
      if (method.getName().equals("deserialize")) DESERIALIZED.set(String.valueOf(args[0]));
      return Reflect.zero(method.getReturnType());
    }));
  }

  /** The portal's answers that matter: the server's error page, the company of every request, URL decoding. */
  private static Object portal(Class<?> type) {
    return Reflect.proxy(type, (self, method, args) -> {
      if (method.getName().equals("sendError") && args[0] instanceof Integer) {
        ((javax.servlet.http.HttpServletResponse) args[args.length - 1]).sendError((Integer) args[0]);
      }
      if (method.getName().equals("getCompany")) return company(method.getReturnType());
      if (method.getName().equals("getCompanyId")) return Server.COMPANY;
      if (method.getName().equals("decodeURL")) return decodeURL((String) args[0]);
      if (method.getName().equals("getClassName") && args[0] instanceof Long) return CLASS_NAMES.get(args[0]);
      if (method.getName().equals("getScopeGroupId")) return StagingSite.GROUP;
      if (method.getName().equals("getClassNameId")) return classNameId(args[0]);
      return Reflect.zero(method.getReturnType());
    });
  }

  private static long classNameId(Object name) {
    String wanted = name instanceof Class ? ((Class<?>) name).getName() : (String) name;
    for (Map.Entry<Long, String> e : CLASS_NAMES.entrySet()) if (e.getValue().equals(wanted)) return e.getKey();
    return 0;
  }

  private static Object company(Class<?> type) {
    return Reflect.proxy(type, (self, method, args) ->
        method.getName().equals("getCompanyId") ? (Object) Server.COMPANY : Reflect.zero(method.getReturnType()));
  }

  private static String decodeURL(String url) {
    try {
      return java.net.URLDecoder.decode(url, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      return "";
    }
  }

  /** A PEM file of authorities becomes the JVM's own trust store; nothing is ever trusted unseen. */
  private static void trust(Map<String, Object> settings) throws Exception {
    String store = (String) settings.get("trustStore");
    String password = (String) settings.getOrDefault("trustStorePassword", "changeit");
    if (settings.get("trustPEM") != null) store = fromPEM(Path.of((String) settings.get("trustPEM")), password);
    if (store == null) return;
    System.setProperty("javax.net.ssl.trustStore", store);
    System.setProperty("javax.net.ssl.trustStorePassword", password);
    System.setProperty("javax.net.ssl.trustStoreType", "PKCS12");
  }

  private static String fromPEM(Path pem, String password) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    try (InputStream in = Files.newInputStream(pem)) {
      int n = 0;
      for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) store.setCertificateEntry("ca" + n++, c);
    }
    Path file = Files.createTempFile("trust", ".p12");
    file.toFile().deleteOnExit();
    try (var out = Files.newOutputStream(file)) {
      store.store(out, password.toCharArray());
    }
    return file.toString();
  }

  static List<String> strings(Object list) {
    List<String> out = new ArrayList<>();
    if (list != null) for (Object o : (List<?>) list) out.add((String) o);
    return out;
  }

  static <T> T[] append(T[] array, T last) {
    T[] out = Arrays.copyOf(array, array.length + 1);
    out[array.length] = last;
    return out;
  }
}
