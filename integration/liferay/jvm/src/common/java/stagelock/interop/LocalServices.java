package stagelock.interop;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The portal's services around the code that decides which remote calls are made: proxies that answer from a table, and the
 * vendor's own objects where they are registered. What the table lacks is answered with nothing.
 */
final class LocalServices {
  /** Answers one method of one service. */
  interface Answer {
    Object of(Object[] args) throws Throwable;
  }

  private final Map<Class<?>, Object> services = new HashMap<>();
  private final Map<String, Answer> answers = new HashMap<>();

  /** Names the service and the method as in GroupLocalService.getGroup; every overload is meant. */
  void answer(String name, Answer answer) {
    answers.put(name, answer);
  }

  /** Puts an object of the vendor's where the service is asked for. */
  void real(String type, Object service) {
    services.put(Reflect.type(type), service);
  }

  Object of(Class<?> type) {
    Object service = services.get(type);
    if (service == null) {
      service = Reflect.proxy(type, (self, method, args) -> call(type.getSimpleName(), method, args));
      services.put(type, service);
    }
    return service;
  }

  private Object call(String service, Method method, Object[] args) throws Throwable {
    Answer answer = answers.get(service + "." + method.getName());
    if (answer != null) return answer.of(args);
    if (Boolean.getBoolean("interop.trace")) System.err.println("unanswered: " + service + "." + method.getName());
    Class<?> returns = method.getReturnType();
    if (returns == List.class) return new ArrayList<>();
    return returns == Map.class ? new HashMap<>() : Reflect.zero(returns);
  }

  /** Fills in what a portal's container would: every field that is one of the vendor's interfaces and is still empty. */
  <T> T inject(T target) throws IllegalAccessException {
    for (Class<?> c = target.getClass(); c != Object.class; c = c.getSuperclass()) {
      for (Field f : c.getDeclaredFields()) {
        if (!f.getType().isInterface() || Modifier.isStatic(f.getModifiers())) continue;
        if (!f.getType().getName().startsWith("com.liferay.")) continue;
        f.setAccessible(true);
        if (f.get(target) == null) f.set(target, of(f.getType()));
      }
    }
    return target;
  }

  /** Makes one of the vendor's classes and fills it in; it is then what stands for the interfaces that are named. */
  Object make(String type, String... interfaces) throws Exception {
    Object made = Reflect.make(type);
    for (String i : interfaces) real(i, made);
    return inject(made);
  }

  /** Puts the service where its utility class looks for it: FooUtil for the interface Foo. A line takes what it has. */
  void provide(String... types) throws ReflectiveOperationException {
    for (String type : types) {
      if (!Reflect.exists(type) || !Reflect.exists(type + "Util") || !Reflect.type(type).isInterface()) continue;
      Boot.provide(type + "Util", of(Reflect.type(type)));
    }
  }

  /** Lets every other utility class of 6.2 to 7.3 find its service, by the name of the service. */
  void locate(String kernel) throws Exception {
    Boot.services = this::of;
    String locator = kernel + ".bean.BeanLocator";
    if (!Reflect.exists(locator)) return;
    Object beans = Reflect.proxy(Reflect.type(locator), (self, method, args) ->
        method.getName().equals("locate") && args[0] instanceof String && Reflect.exists((String) args[0])
            ? of(Reflect.type((String) args[0])) : Reflect.zero(method.getReturnType()));
    Reflect.callStatic(kernel + ".bean.PortalBeanLocatorUtil", "setBeanLocator", beans);
  }
}
