package stagelock.interop;

import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;

/** The lines name the same classes differently, so all of the vendor's code is reached by name. */
final class Reflect {
  private Reflect() {}

  static Class<?> type(String name) {
    try {
      return Class.forName(name, true, Reflect.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new IllegalArgumentException("no class " + name, e);
    }
  }

  static boolean exists(String name) {
    try {
      Class.forName(name, false, Reflect.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException | LinkageError e) {
      return false;
    }
  }

  /** Finds the field in the class or above it. */
  static Field field(Class<?> type, String name) throws NoSuchFieldException {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      for (Field f : c.getDeclaredFields()) {
        if (!f.getName().equals(name)) continue;
        f.setAccessible(true);
        return f;
      }
    }
    throw new NoSuchFieldException(type.getName() + "." + name);
  }

  static void set(Object target, String name, Object value) throws ReflectiveOperationException {
    field(target.getClass(), name).set(target, value);
  }

  static void setStatic(String type, String name, Object value) throws ReflectiveOperationException {
    field(type(type), name).set(null, value);
  }

  /** Calls the method whose name and number of arguments fit; of several, the first whose types fit. */
  static Object call(Object target, String name, Object... args) throws Exception {
    return invoke(find(target.getClass(), name, args), target, args);
  }

  static Object callStatic(String type, String name, Object... args) throws Exception {
    return invoke(find(type(type), name, args), null, args);
  }

  /** The exception that the method threw comes out as it is. */
  static Object invoke(Method method, Object target, Object... args) throws Exception {
    try {
      method.setAccessible(true);
      return method.invoke(target, args);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof Exception) throw (Exception) e.getCause();
      if (e.getCause() instanceof Error) throw (Error) e.getCause();
      throw e;
    }
  }

  private static Method find(Class<?> type, String name, Object[] args) throws NoSuchMethodException {
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      for (Method m : c.getDeclaredMethods()) if (m.getName().equals(name) && fits(m.getParameterTypes(), args)) return m;
    }
    for (Method m : type.getMethods()) if (m.getName().equals(name) && fits(m.getParameterTypes(), args)) return m;
    throw new NoSuchMethodException(type.getName() + "." + name + " of " + args.length);
  }

  static Object make(String type, Object... args) throws Exception {
    for (Constructor<?> c : type(type).getDeclaredConstructors()) {
      if (!fits(c.getParameterTypes(), args)) continue;
      c.setAccessible(true);
      return c.newInstance(args);
    }
    throw new NoSuchMethodException(type + " constructor of " + args.length);
  }

  private static boolean fits(Class<?>[] types, Object[] args) {
    if (types.length != args.length) return false;
    for (int i = 0; i < types.length; i++) {
      if (args[i] == null ? types[i].isPrimitive() : !boxed(types[i]).isInstance(args[i])) return false;
    }
    return true;
  }

  static Class<?> boxed(Class<?> type) {
    if (!type.isPrimitive() || type == void.class) return type;
    return java.lang.reflect.Array.get(java.lang.reflect.Array.newInstance(type, 1), 0).getClass();
  }

  /** Resolves names as reflection prints them: "long", "[B", "java.lang.String". */
  static Class<?> parameter(String name) {
    for (Class<?> p : new Class<?>[] {
        boolean.class, byte.class, char.class, double.class, float.class, int.class, long.class, short.class, void.class}) {
      if (p.getName().equals(name)) return p;
    }
    return type(name);
  }

  static Object proxy(Class<?> type, InvocationHandler handler) {
    return Proxy.newProxyInstance(type.getClassLoader() == null ? Reflect.class.getClassLoader() : type.getClassLoader(),
        new Class<?>[] {type}, (self, method, args) -> {
          if (method.getDeclaringClass() == Object.class) return ofObject(self, method, args);
          return handler.invoke(self, method, args == null ? new Object[0] : args);
        });
  }

  private static Object ofObject(Object self, Method method, Object[] args) {
    if (method.getName().equals("equals")) return self == args[0];
    if (method.getName().equals("hashCode")) return System.identityHashCode(self);
    return self.getClass().getInterfaces()[0].getSimpleName() + " proxy";
  }

  /** A proxy that answers null, 0 or false to everything. */
  static Object silent(Class<?> type) {
    return proxy(type, (self, method, args) -> zero(method.getReturnType()));
  }

  static Object zero(Class<?> type) {
    if (!type.isPrimitive() || type == void.class) return null;
    return java.lang.reflect.Array.get(java.lang.reflect.Array.newInstance(type, 1), 0);
  }

  static boolean isInstanceField(Field f) {
    return !Modifier.isStatic(f.getModifiers()) && !Modifier.isTransient(f.getModifiers());
  }
}
