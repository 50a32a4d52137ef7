package stagelock.interop;

import java.io.Serializable;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The vendor's own staging code of a line, put together as a portal's container would, in a staging site of ours. */
final class Vendor {
  private static final String KERNEL = "com.liferay.portal.kernel.";
  private static final String EXPORT_IMPORT = "com.liferay.exportimport.";

  final Line line;
  final LocalServices services = new LocalServices();
  StagingSite site;
  Object staging;
  Object stagingLocalService;
  private Object groups;
  private Object propagator;
  private long tasks;

  Vendor(Line line) throws Exception {
    this.line = line;
    services.locate(KERNEL.substring(0, KERNEL.length() - 1));
    portal();
    groups();
    publishing();
    configurations();
    wire();
  }

  /** Where the line has its StagingImpl; null where no published jar holds it. */
  String stagingImpl() {
    for (String p : List.of(EXPORT_IMPORT + "internal.staging.", EXPORT_IMPORT + "staging.", "com.liferay.portal.staging.")) {
      if (Reflect.exists(p + "StagingImpl")) return p + "StagingImpl";
    }
    return null;
  }

  /** The jars that hold what decides about calls: the portal's own code, and the module's where there is one. */
  String jars(boolean module) {
    java.util.Set<String> jars = new java.util.TreeSet<>();
    List<Object> deciders = new ArrayList<>(List.of(stagingLocalService));
    if (groups != null) deciders.add(groups);
    if (module) deciders.addAll(Arrays.asList(staging, executor()));
    for (Object d : deciders) {
      Class<?> type = d instanceof Class ? (Class<?>) d : d.getClass();
      String path = type.getProtectionDomain().getCodeSource().getLocation().getPath();
      jars.add(path.substring(path.lastIndexOf('/') + 1).replaceFirst("\\.jar$", "").replaceFirst("^com\\.liferay\\.", ""));
    }
    return String.join(", ", jars);
  }

  /** From 7.1 on the portal itself validates the remote site; before, its StagingImpl does. */
  boolean validatesItself() {
    return !line.is62 && !Reflect.exists(EXPORT_IMPORT + "staging.StagingImpl");
  }

  private Class<?> executor() {
    for (String p : List.of(EXPORT_IMPORT + "internal.background.task.", EXPORT_IMPORT + "background.task.", "com.liferay.portal.lar.backgroundtask.")) {
      if (Reflect.exists(p + "LayoutRemoteStagingBackgroundTaskExecutor")) return Reflect.type(p + "LayoutRemoteStagingBackgroundTaskExecutor");
    }
    throw new IllegalStateException("no executor");
  }

  /** Whether the jars hold the module that publishes applications and single content; 7.1 to 7.3's is in no repository. */
  boolean hasModule() {
    return Reflect.exists(EXPORT_IMPORT + "internal.background.task.PortletRemoteStagingBackgroundTaskExecutor");
  }

  private void portal() {
    services.answer("UserLocalService.getUser", a -> site.user);
    services.answer("UserLocalService.getUserById", a -> site.user);
    services.answer("UserLocalService.fetchUser", a -> site.user);
    services.answer("PermissionCheckerFactory.create", a -> checker());
    services.answer("GroupPermission.contains", a -> true);
    services.answer("LayoutSetLocalService.getLayoutSet", a -> layoutSet());
    for (String method : List.of("getLayout", "fetchLayout")) services.answer("LayoutLocalService." + method, a -> site.layout(a));
    services.answer("File.getMD5Checksum", a -> Values.hash("MD5", Files.readAllBytes(((java.io.File) a[0]).toPath())));
    services.answer("File.delete", a -> a[0] instanceof java.io.File && ((java.io.File) a[0]).delete());
    services.answer("CalendarFactory.getCalendar", a -> calendar(a));
    services.answer("ConfigurationProvider.getCompanyConfiguration", a -> null);
  }

  private Object layoutSet() {
    return Reflect.proxy(Reflect.type(line.model + ".LayoutSet"), (self, method, args) ->
        method.getName().equals("getSettingsProperties") ? Reflect.make(KERNEL + "util.UnicodeProperties") : Reflect.zero(method.getReturnType()));
  }

  private static Object calendar(Object[] args) {
    java.util.Calendar out = java.util.Calendar.getInstance(java.util.TimeZone.getTimeZone("UTC"));
    if (args.length > 2 && args[2] instanceof Integer) out.set((Integer) args[0], (Integer) args[1], (Integer) args[2]);
    return out;
  }

  private void groups() {
    for (String method : List.of("getGroup", "fetchGroup")) {
      services.answer("GroupLocalService." + method, a -> a[0].equals(StagingSite.GROUP) ? site.group : null);
    }
    services.answer("GroupLocalService.updateGroup", a -> {
      if (a.length == 2) Reflect.call(site.group, "setTypeSettings", a[1]);
      return site.group;
    });
  }

  private void publishing() {
    for (String service : List.of("ExportImportLocalService", "LayoutLocalService")) {
      services.answer(service + ".exportLayoutsAsFile", a -> site.export());
      services.answer(service + ".exportPortletInfoAsFile", a -> site.export());
    }
    services.answer("ExportImportHelper.getLayoutIdMap", a -> new HashMap<>(Map.of(StagingSite.PAGE, false)));
    services.answer("ExportImportHelper.getLayoutOrCreateDummyRootLayout", a -> site.layout((Long) a[0]));
    services.answer("ExportImportHelper.getLayoutIds", a -> site.ids((List<?>) a[0]));
    services.answer("ExportImportHelper.getDateRange", a -> Reflect.make(KERNEL + "util.DateRange", null, null));
    services.answer("ExportImportHelper.getCalendar", a -> calendar(new Object[0]));
    services.answer("BackgroundTaskStatusRegistry.getBackgroundTaskStatus", a -> Reflect.make(KERNEL + "backgroundtask.BackgroundTaskStatus"));
    services.answer("BackgroundTaskManager.addBackgroundTask", this::task);
    services.answer("BackgroundTaskLocalService.addBackgroundTask", this::task);
    services.answer("BackgroundTaskLocalService.updateBackgroundTask", a -> a[0]);
    services.answer("ExportImportLifecycleManager.fireExportImportLifecycleEvent", this::fire);
    services.answer("LayoutService.schedulePublishToRemote", this::schedule);
    for (String service : List.of("StagingURLHelper", "Staging")) services.answer(service + ".buildRemoteURL", this::url);
  }

  /** 7.1 to 7.3's own is in their module: an address in parts, or in what was stored of it. */
  private Object url(Object[] a) throws Exception {
    if (a.length == 1) {
      Map<?, ?> stored = a[0] instanceof Map ? (Map<?, ?>) a[0] : (Map<?, ?>) Reflect.call(a[0], "getSettingsMap");
      List<String> names = List.of("remoteAddress", "remotePort", "remotePathContext", "secureConnection");
      a = names.stream().map(n -> String.valueOf(stored.get(n))).toArray();
    }
    return (String.valueOf(a[3]).equals("true") ? "https://" : "http://") + a[0] + ":" + a[1] + a[2];
  }

  private void configurations() {
    String service = "ExportImportConfigurationLocalService.";
    services.answer(service + "addDraftExportImportConfiguration", a -> site.store(a));
    services.answer(service + "fetchExportImportConfiguration", a -> site.configuration(a));
    services.answer(service + "getExportImportConfiguration", a -> site.configuration(a));
  }

  /** The vendor's own objects first, then everything that is looked up by a utility class. */
  private void wire() throws Exception {
    String portal = (line.is62 ? "com.liferay.portal.util." : KERNEL + "util.") + "Portal";
    services.real(portal, Reflect.callStatic(portal + "Util", "getPortal"));
    if (!line.is62) {
      groups = Reflect.make("com.liferay.portal.service.impl.GroupLocalServiceImpl");
      services.inject(groups);
      services.answer("GroupLocalService.validateRemote", a -> Reflect.call(groups, "validateRemote", a));
    }
    own(EXPORT_IMPORT + "internal.staging.StagingURLHelperImpl", EXPORT_IMPORT + "kernel.staging.StagingURLHelper");
    for (String map : List.of("ParameterMapFactory", "SettingsMapFactory")) {
      String name = "configuration.ExportImportConfiguration" + map;
      own(EXPORT_IMPORT + "internal." + name + "Impl", EXPORT_IMPORT + "kernel." + name);
    }
    stagingLocalService = services.make(line.is62 ? "com.liferay.portal.service.impl.StagingLocalServiceImpl"
        : "com.liferay.portlet.exportimport.service.impl.StagingLocalServiceImpl");
    String impl = stagingImpl();
    if (impl != null) staging = services.make(impl, line.is62 ? KERNEL + "staging.Staging" : EXPORT_IMPORT + "kernel.staging.Staging");
    String listener = EXPORT_IMPORT + "internal.lifecycle.EventRemotePropagatorExportImportLifecycleListener";
    if (Reflect.exists(listener)) {
      propagator = services.make(listener);
      Reflect.call(propagator, "activate");
    }
    provide();
    messages();
  }

  /** 6.2 tells its message bus how a publish went. */
  private void messages() throws Exception {
    if (!line.is62) return;
    String p = KERNEL + "messaging.";
    Reflect.callStatic(p + "MessageBusUtil", "init", services.of(Reflect.type(p + "MessageBus")),
        services.of(Reflect.type(p + "sender.MessageSender")), services.of(Reflect.type(p + "sender.SynchronousMessageSender")));
  }

  private void own(String type, String as) throws Exception {
    if (Reflect.exists(type)) services.make(type, as);
  }

  private void provide() throws Exception {
    List<String> local = List.of("Group", "User", "Layout", "LayoutSet", "LayoutSetBranch", "BackgroundTask");
    for (String name : local) services.provide(line.service + "." + name + "LocalService");
    services.provide(line.service + ".LayoutService", KERNEL + "staging.Staging", KERNEL + "util.File", KERNEL + "util.CalendarFactory",
        KERNEL + "lar.ExportImportHelper", KERNEL + "backgroundtask.BackgroundTaskManager", KERNEL + "messaging.MessageBus",
        KERNEL + "backgroundtask.BackgroundTaskStatusRegistry", KERNEL + "module.configuration.ConfigurationProvider",
        KERNEL + "security.permission.PermissionCheckerFactory", KERNEL + "scheduler.SchedulerEngineHelper",
        "com.liferay.portal.security.permission.PermissionCheckerFactory",
        "com.liferay.portal.configuration.module.configuration.ConfigurationProvider", KERNEL + "language.Language",
        KERNEL + "service.permission.GroupPermission");
    if (hasModule()) services.provide("com.liferay.changeset.service.ChangesetEntryLocalService");
    for (String name : List.of("staging.Staging", "staging.StagingURLHelper", "lar.ExportImportHelper", "service.StagingLocalService",
        "service.ExportImportLocalService", "service.ExportImportConfigurationLocalService", "lifecycle.ExportImportLifecycleManager",
        "configuration.ExportImportConfigurationSettingsMapFactory", "configuration.ExportImportConfigurationParameterMapFactory")) {
      services.provide(EXPORT_IMPORT + "kernel." + name);
    }
  }

  /** The user of this thread, as a portal knows it from the session. */
  void login() throws Exception {
    String permission = line.is62 ? "com.liferay.portal.security.permission" : KERNEL + "security.permission";
    Reflect.callStatic(permission + ".PermissionThreadLocal", "setPermissionChecker", checker());
  }

  /** What every publish, schedule and enabling begins with, of 7.1 and later: in the portal itself, not in the module. */
  void validate() throws Exception {
    Object groups = services.of(Reflect.type(line.service + ".GroupLocalService"));
    URI live = site.client.remote();
    Reflect.call(groups, "validateRemote", StagingSite.GROUP, live.getHost(), live.getPort(), live.getPath(),
        live.getScheme().equals("https"), site.remoteGroup);
  }

  Object checker() {
    String permission = line.is62 ? "com.liferay.portal.security.permission" : KERNEL + "security.permission";
    return Reflect.proxy(Reflect.type(permission + ".PermissionChecker"), (self, method, args) ->
        method.getName().equals("getUser") ? site.user : method.getReturnType() == boolean.class ? true
            : method.getReturnType() == Map.class ? new HashMap<>() : Reflect.zero(method.getReturnType()));
  }

  /** Carries a background task out at once, with the vendor's executor: the last argument but one is its context. */
  private Object task(Object[] args) throws Exception {
    Object executor = Arrays.stream(args).filter(a -> a instanceof Class || String.valueOf(a).endsWith("Executor")).findFirst().orElseThrow();
    String name = executor instanceof Class ? ((Class<?>) executor).getName() : (String) executor;
    long id = ++tasks;
    String type = line.is62 ? line.model + ".BackgroundTask" : KERNEL + "backgroundtask.BackgroundTask";
    Object task = Reflect.proxy(Reflect.type(type), (self, method, a) -> {
      if (method.getName().equals("getTaskContextMap")) return args[args.length - 2];
      return method.getName().equals("getBackgroundTaskId") ? (Object) id : Reflect.zero(method.getReturnType());
    });
    Reflect.call(services.make(adapted(name, "PagesTask")), "execute", task);
    return task;
  }

  /** A class of ours that lets a later build's code run on this line's kernel, where there is one. */
  private static String adapted(String type, String by) throws Exception {
    String own = "stagelock.interop." + by;
    return Reflect.exists(own) && Reflect.type(own).getSuperclass().getName().equals(type) ? own : type;
  }

  /** What happened goes to the vendor's listener that tells live, where the line's jars have it. */
  private Object fire(Object[] args) throws Exception {
    if (propagator == null) return null;
    ArrayList<Serializable> attributes = new ArrayList<>(Arrays.asList((Serializable[]) args[args.length - 1]));
    Map<String, Object> answers = Map.of("getCode", args[0], "getProcessFlag", args[1], "getProcessId", args[2], "getAttributes", attributes);
    Class<?> type = Reflect.type(EXPORT_IMPORT + "kernel.lifecycle.ExportImportLifecycleEvent");
    Object event = Reflect.proxy(type, (self, method, a) -> answers.getOrDefault(method.getName(), Reflect.zero(method.getReturnType())));
    Reflect.call(propagator, "onExportImportLifecycleEvent", event);
    return null;
  }

  /** The scheduler fires at once: what it would send later goes to the vendor's listener now. */
  private Object schedule(Object[] a) throws Exception {
    Object message = Reflect.make(KERNEL + "messaging.Message");
    Object request = line.is62 ? request62(a) : Reflect.call(site.store(new Object[] {4, settings(a)}), "getExportImportConfigurationId");
    Reflect.call(message, "setPayload", request);
    for (String p : List.of(EXPORT_IMPORT + "internal.messaging.", EXPORT_IMPORT + "messaging.", "com.liferay.portal.messaging.")) {
      String listener = p + "LayoutsRemotePublisherMessageListener";
      if (!Reflect.exists(listener)) continue;
      Object made = services.make(adapted(listener, "ScheduledPages"));
      if (hasModule()) Reflect.call(made, "receive", message);
      else Reflect.call(made, "doReceive", message, Reflect.make(KERNEL + "messaging.MessageStatus"));
      login();
      return null;
    }
    throw new IllegalStateException("no listener");
  }

  /** As the vendor's LayoutServiceImpl makes them from the same arguments, in the order of the vendor's own factory. */
  private Object settings(Object[] a) throws Exception {
    Object user = site.user;
    Object[] all = {Reflect.call(user, "getUserId"), a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9],
        Reflect.call(user, "getLocale"), Reflect.call(user, "getTimeZone")};
    Class<?> factory = Reflect.type(EXPORT_IMPORT + "kernel.configuration.ExportImportConfigurationSettingsMapFactory");
    if (!factory.isInterface()) return Reflect.callStatic(factory.getName(), "buildPublishLayoutRemoteSettingsMap", all);
    return Reflect.call(services.of(factory), "buildPublishLayoutRemoteSettingsMap", all);
  }

  private Object request62(Object[] a) throws Exception {
    return Reflect.make("com.liferay.portal.messaging.LayoutsRemotePublisherRequest", Reflect.call(site.user, "getUserId"),
        a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11]);
  }

  /** A request of the browser, with these parameters and the user's session. */
  Object request(Map<String, Object> parameters) throws Exception {
    Map<String, String[]> all = new HashMap<>();
    for (Map.Entry<String, Object> e : parameters.entrySet()) all.put(e.getKey(), new String[] {String.valueOf(e.getValue())});
    Object theme = theme();
    return Reflect.proxy(Reflect.type("javax.portlet.PortletRequest"), (self, method, args) -> answer(all, theme, method, args));
  }

  private static Object answer(Map<String, String[]> all, Object theme, Method method, Object[] args) {
    switch (method.getName()) {
      case "getParameter": return all.containsKey(args[0]) ? all.get(args[0])[0] : null;
      case "getParameterValues": return all.get(args[0]);
      case "getParameterMap": return all;
      case "getAttribute": return String.valueOf(args[0]).endsWith("THEME_DISPLAY") ? theme : null;
      default: return Reflect.zero(method.getReturnType());
    }
  }

  private Object theme() throws Exception {
    Object theme = Statics.allocate(line.is62 ? "com.liferay.portal.theme.ThemeDisplay" : KERNEL + "theme.ThemeDisplay");
    Reflect.set(theme, "_user", site.user);
    Reflect.set(theme, "_locale", java.util.Locale.US);
    Reflect.set(theme, "_timeZone", java.util.TimeZone.getTimeZone("UTC"));
    return theme;
  }
}
