package stagelock.interop;

import java.io.IOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Date;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;

/** Every exception of the vendor that can be made: found by walking the jars, made by whichever constructor works. */
final class Throwables {
  private static final List<String> PACKAGES = List.of("com/liferay/portal/kernel/", "com/liferay/exportimport/",
      "com/liferay/portlet/exportimport/", "com/liferay/portal/security/", "com/liferay/portal/exception/",
      "com/liferay/document/library/kernel/exception/", "com/liferay/portlet/documentlibrary/");

  private Throwables() {}

  /** Names of the instantiable Throwables of the kernel and export-import packages; 6.2 keeps many in com.liferay.portal. */
  static List<String> scan() throws IOException {
    Set<String> names = new TreeSet<>();
    for (String jar : System.getProperty("java.class.path").split(java.io.File.pathSeparator)) {
      if (jar.endsWith(".jar") && jar.contains("liferay")) names.addAll(candidates(jar));
    }
    List<String> out = new ArrayList<>();
    for (String name : names) if (instantiable(name)) out.add(name);
    return out;
  }

  private static List<String> candidates(String jar) throws IOException {
    List<String> out = new ArrayList<>();
    try (JarFile file = new JarFile(jar)) {
      file.stream().map(e -> e.getName()).filter(Throwables::wanted).forEach(n -> out.add(n.replace('/', '.').replace(".class", "")));
    }
    return out;
  }

  private static boolean wanted(String entry) {
    if (!entry.endsWith(".class") || !entry.contains("Exception") && !entry.contains("Error")) return false;
    if (entry.matches("com/liferay/portal/[A-Z]\\w*Exception\\.class")) return true;
    for (String p : PACKAGES) if (entry.startsWith(p)) return true;
    return entry.matches("com/liferay/portlet/\\w+/[A-Z]\\w*Exception\\.class");
  }

  private static boolean instantiable(String name) {
    try {
      Class<?> type = Class.forName(name, false, Throwables.class.getClassLoader());
      if (!Throwable.class.isAssignableFrom(type) || Modifier.isAbstract(type.getModifiers())) return false;
      Values.serialize(make(name, Map.of("message", "probe")));
      return true;
    } catch (Throwable t) {
      return false;
    }
  }

  /**
   * Makes one: {"message":text}, and "cause":class or "suppressed":class for one inside it. The constructor of a bare message
   * comes first; with "rich":true the one with most parameters, so that the class's own fields are set.
   */
  static Throwable make(String name, Map<String, Object> told) throws Exception {
    String message = (String) told.get("message");
    Constructor<?>[] constructors = Reflect.type(name).getDeclaredConstructors();
    Comparator<Constructor<?>> order = Boolean.TRUE.equals(told.get("rich"))
        ? Comparator.comparingInt((Constructor<?> c) -> -c.getParameterCount()) : Comparator.comparingInt(Throwables::rank);
    Arrays.sort(constructors, order.thenComparing(Constructor::toString));
    Exception last = new IllegalArgumentException("no constructor of " + name + " works");
    for (Constructor<?> c : constructors) {
      try {
        c.setAccessible(true);
        return inside((Throwable) c.newInstance(arguments(c.getParameterTypes(), message)), told);
      } catch (ReflectiveOperationException | RuntimeException e) {
        last = e;
      }
    }
    throw last;
  }

  private static int rank(Constructor<?> c) {
    Class<?>[] types = c.getParameterTypes();
    if (types.length == 1 && types[0] == String.class) return 0;
    return types.length == 0 ? 100 : 100 - types.length;
  }

  private static Throwable inside(Throwable t, Map<String, Object> told) throws Exception {
    if (told.get("cause") != null && t.getCause() == null) {
      t.initCause(make((String) told.get("cause"), Map.of("message", "the cause")));
    }
    if (told.get("suppressed") != null) t.addSuppressed(make((String) told.get("suppressed"), Map.of("message", "suppressed")));
    return t;
  }

  private static Object[] arguments(Class<?>[] types, String message) throws Exception {
    Object[] out = new Object[types.length];
    for (int i = 0; i < types.length; i++) out[i] = argument(types[i], message);
    return out;
  }

  private static Object argument(Class<?> type, String message) throws Exception {
    if (type == String.class) return message;
    if (type.isPrimitive()) return Reflect.zero(type);
    if (Reflect.boxed(type) == Long.class) return 7L;
    if (type == Throwable.class || type == Exception.class) return new Exception("the cause");
    if (type == Locale.class) return new Locale("hu", "HU");
    if (type == Date.class) return new Date(0);
    if (type == Class.class) return String.class;
    if (type.isEnum()) return type.getEnumConstants()[0];
    if (type.isArray()) return array(type.getComponentType(), message);
    if (type.isAssignableFrom(ArrayList.class)) return new ArrayList<>(List.of(Locale.US));
    if (type.isAssignableFrom(HashMap.class)) return new HashMap<>();
    if (type.isAssignableFrom(HashSet.class)) return new HashSet<>();
    if (type.getName().endsWith(".MissingReferences")) return Reflect.make(type.getName());
    return null;
  }

  private static Object array(Class<?> element, String message) throws Exception {
    Object out = Array.newInstance(element, 1);
    Object value = argument(element, message);
    if (value != null) Array.set(out, 0, value);
    return out;
  }
}
