package com.liferay.portal.kernel.util;

import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Stands before 7.0's class of this name, which asks for {@code Field.modifiers} while it loads: Java 12 took that field away.
 * Written anew; it never unfinals anything.
 */
public class ReflectionUtil {
  public static Object arrayClone(Object array) {
    int length = Array.getLength(array);
    Object out = Array.newInstance(array.getClass().getComponentType(), length);
    System.arraycopy(array, 0, out, 0, length);
    return out;
  }

  public static Field getDeclaredField(Class<?> type, String name) throws Exception {
    Field field = type.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }

  public static Field[] getDeclaredFields(Class<?> type) throws Exception {
    Field[] fields = type.getDeclaredFields();
    for (Field f : fields) f.setAccessible(true);
    return fields;
  }

  public static Method getDeclaredMethod(Class<?> type, String name, Class<?>... parameters) throws Exception {
    Method method = type.getDeclaredMethod(name, parameters);
    method.setAccessible(true);
    return method;
  }

  public static Type getGenericInterface(Object object, Class<?> wanted) {
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      for (Type t : c.getGenericInterfaces()) {
        if (t instanceof ParameterizedType && ((ParameterizedType) t).getRawType() == wanted) return t;
      }
    }
    return null;
  }

  public static Class<?> getGenericSuperType(Class<?> type) {
    Type superclass = type.getGenericSuperclass();
    if (!(superclass instanceof ParameterizedType)) return null;
    Type first = ((ParameterizedType) superclass).getActualTypeArguments()[0];
    return first instanceof Class ? (Class<?>) first : (Class<?>) ((ParameterizedType) first).getRawType();
  }

  public static Class<?>[] getInterfaces(Object object) {
    return getInterfaces(object, null);
  }

  public static Class<?>[] getInterfaces(Object object, ClassLoader loader) {
    return getInterfaces(object, loader, e -> {});
  }

  public static Class<?>[] getInterfaces(Object object, ClassLoader loader, Consumer<ClassNotFoundException> missing) {
    Set<Class<?>> out = new LinkedHashSet<>();
    for (Class<?> c = object.getClass(); c != null; c = c.getSuperclass()) {
      for (Class<?> i : c.getInterfaces()) {
        try {
          out.add(loader == null ? i : loader.loadClass(i.getName()));
        } catch (ClassNotFoundException e) {
          missing.accept(e);
        }
      }
    }
    return out.toArray(new Class<?>[0]);
  }

  public static Class<?>[] getParameterTypes(Object[] arguments) {
    if (arguments == null) return null;
    Class<?>[] out = new Class<?>[arguments.length];
    for (int i = 0; i < out.length; i++) out[i] = arguments[i] == null ? null : arguments[i].getClass();
    return out;
  }

  public static Set<Method> getVisibleMethods(Class<?> type) {
    Set<Method> out = new HashSet<>();
    for (Class<?> c = type; c != null; c = c.getSuperclass()) {
      for (Method m : c.getDeclaredMethods()) if ((m.getModifiers() & (Modifier.PUBLIC | Modifier.PROTECTED)) != 0) out.add(m);
    }
    return out;
  }

  public static <T> T throwException(Throwable t) {
    return ReflectionUtil.<T, RuntimeException>sneak(t);
  }

  @SuppressWarnings("unchecked")
  private static <T, E extends Throwable> T sneak(Throwable t) throws E {
    throw (E) t;
  }

  public static Field unfinalField(Field field) throws Exception {
    field.setAccessible(true);
    return field;
  }
}
