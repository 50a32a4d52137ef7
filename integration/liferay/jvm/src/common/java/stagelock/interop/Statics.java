package stagelock.interop;

import java.lang.reflect.Field;

/** Changes constants that the vendor reads from a property once. */
final class Statics {
  private Statics() {}

  /** Says whether the class has such a constant. */
  static boolean put(String type, String name, Object value) throws Exception {
    Field f;
    try {
      f = Reflect.field(Reflect.type(type), name);
    } catch (NoSuchFieldException e) {
      return false;
    }
    sun.misc.Unsafe unsafe = unsafe();
    Object base = unsafe.staticFieldBase(f);
    long offset = unsafe.staticFieldOffset(f);
    if (f.getType() == boolean.class) unsafe.putBoolean(base, offset, (Boolean) value);
    else unsafe.putObject(base, offset, value);
    return true;
  }

  /** An object whose constructor would want a portal; every field of it is still empty. */
  static Object allocate(String type) throws Exception {
    return unsafe().allocateInstance(Reflect.type(type));
  }

  private static sun.misc.Unsafe unsafe() throws ReflectiveOperationException {
    Field handle = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
    handle.setAccessible(true);
    return (sun.misc.Unsafe) handle.get(null);
  }
}
