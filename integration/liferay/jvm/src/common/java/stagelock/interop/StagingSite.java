package stagelock.interop;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;

/** What a staging server has: a site that is staged remotely, its pages, its user, its export, its stored configurations. */
final class StagingSite {
  /** The staging site, not the one on live. */
  static final long GROUP = 10143;
  /** A page, its parent that live lacks, the parent of that, and the control panel's page. */
  static final long PAGE = 503, PARENT = 502, GRANDPARENT = 501, CONTROL_PANEL = 11;
  private static final long USER = 10199;

  final Line line;
  final Client client;
  final Map<String, Object> command;
  final long remoteGroup;
  final Object user;
  Object group;
  private final Map<Long, Object> layouts = new TreeMap<>();
  private final Map<Long, Object> configurations = new TreeMap<>();

  StagingSite(Client client, Map<String, Object> command) throws Exception {
    this.client = client;
    this.command = command;
    line = client.line;
    remoteGroup = ((Number) command.getOrDefault("group", 20143L)).longValue();
    user = user();
    group = Models.group(line, GROUP);
    Reflect.call(group, "setTypeSettings", settings());
    if (Boolean.TRUE.equals(command.get("library"))) Models.library(group);
    page(GRANDPARENT, 1, 0, "portlet");
    page(PARENT, 2, 1, "portlet");
    page(PAGE, 3, 2, "portlet");
    page(CONTROL_PANEL, 1, 0, "control_panel");
  }

  /** Empty before Remote Live was enabled, else what the vendor's code stored then. */
  private String settings() {
    return (String) command.getOrDefault("typeSettings", "");
  }

  /** Logins by kind, as 6.2 takes now the one and now the other. */
  private Object user() throws Exception {
    String login = client.login();
    Map<String, Object> answers = new HashMap<>(Map.of("getUserId", USER, "getCompanyId", Server.COMPANY, "getLogin", login,
        "getEmailAddress", login, "getScreenName", command.getOrDefault("screenName", login), "getPassword", "{hash}of-the-staging-user",
        "isPasswordEncrypted", true, "getPasswordEncrypted", true, "getLocale", Locale.US, "getTimeZone", TimeZone.getTimeZone("UTC")));
    answers.put("getFullName", "Ann Publisher");
    return Reflect.proxy(Reflect.type(line.model + ".User"), (self, method, args) ->
        answers.getOrDefault(method.getName(), Reflect.zero(method.getReturnType())));
  }

  private void page(long plid, long id, long parent, String type) {
    Map<String, Object> answers = new HashMap<>(Map.of("getPlid", plid, "getLayoutId", id, "getParentLayoutId", parent, "getGroupId", GROUP,
        "getUuid", "3f2c6d0e-page-" + plid, "isTypeControlPanel", type.equals("control_panel"), "getType", type,
        "isPrivateLayout", false, "getPrivateLayout", false, "getAllChildren", new ArrayList<>()));
    layouts.put(plid, Reflect.proxy(Reflect.type(line.model + ".Layout"), (self, method, args) ->
        method.getName().matches("getGroup|getScopeGroup") ? group : answers.getOrDefault(method.getName(), Reflect.zero(method.getReturnType()))));
  }

  Object layout(long plid) {
    return layouts.get(plid);
  }

  /** By page, or by site, kind and the page's number in it. */
  Object layout(Object[] args) throws Exception {
    if (args.length == 1) return layouts.get(args[0]);
    for (Object l : layouts.values()) if (Reflect.call(l, "getLayoutId").equals(args[2])) return l;
    return null;
  }

  long[] ids(List<?> pages) throws Exception {
    long[] ids = new long[pages.size()];
    for (int i = 0; i < ids.length; i++) ids[i] = (Long) Reflect.call(pages.get(i), "getLayoutId");
    return ids;
  }

  /** The archive that the export made: a file of its own each time, as the vendor deletes it afterwards. */
  File export() throws Exception {
    String name = line.is62 ? GROUP + "-" + System.nanoTime() + ".lar" : java.util.UUID.randomUUID() + ".zip";
    Path file = Path.of(System.getProperty("java.io.tmpdir"), name);
    Files.copy(Path.of((String) command.get("file")), file, StandardCopyOption.REPLACE_EXISTING);
    file.toFile().deleteOnExit();
    return file.toFile();
  }

  /** Stores a configuration: user, a name or not, type, settings. */
  Object store(Object[] args) throws Exception {
    int type = 0;
    Map<?, ?> settings = Map.of();
    for (Object a : args) {
      if (a instanceof Integer && type == 0) type = (Integer) a;
      if (a instanceof Map) settings = (Map<?, ?>) a;
    }
    long id = 35001 + configurations.size();
    Object c = Models.configuration(stored(settings), GROUP);
    Reflect.call(c, "setExportImportConfigurationId", id);
    Reflect.call(c, "setType", type);
    configurations.put(id, c);
    return c;
  }

  Object configuration(Object[] args) {
    return configurations.get(args[0]);
  }

  /** What the JSON of the vendor's table makes of settings: small numbers, text for keys, boxed arrays. */
  private static HashMap<String, Object> stored(Map<?, ?> settings) {
    HashMap<String, Object> out = new HashMap<>();
    for (Map.Entry<?, ?> e : settings.entrySet()) out.put(String.valueOf(e.getKey()), stored(e.getValue()));
    return out;
  }

  private static Object stored(Object value) {
    if (value instanceof Map) return stored((Map<?, ?>) value);
    if (value instanceof Long && (Long) value == ((Long) value).intValue()) return ((Long) value).intValue();
    if (value instanceof long[]) return Arrays.stream((long[]) value).mapToObj(i -> (int) i).toArray(Integer[]::new);
    return value instanceof Date ? new Date(((Date) value).getTime()) : value;
  }
}
