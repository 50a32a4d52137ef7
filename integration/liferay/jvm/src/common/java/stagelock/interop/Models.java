package stagelock.interop;

import java.util.ArrayList;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;

/** The vendor's own model objects, made with its own setters. */
final class Models {
  static final String CONFIGURATION = "com.liferay.portlet.exportimport.model.impl.ExportImportConfigurationImpl";
  private static final String IMPL = "com.liferay.portal.model.impl.";

  private Models() {}

  /** The two forms that reach a live server: as the executor fills it, and after the vendor's JSON round trip. */
  enum Form { LONG, INTEGER }

  /** A publish configuration as the executor sends it. The text of the settings is what the vendor stores in its table. */
  static Object configuration(Map<String, Object> settingsMap, long group) throws Exception {
    Object c = Reflect.make(CONFIGURATION);
    Date now = new Date(1700000000000L);
    setAll(c, Json.object("setCompanyId", 20097L, "setUserId", 20199L, "setUserName", "Ann Publisher", "setCreateDate", now,
        "setModifiedDate", now, "setName", "Publish to live", "setType", 2, "setExportImportConfigurationId", 35001L,
        "setGroupId", group, "setSettings", "{\"map\":{\"targetGroupId\":" + group + "}}"));
    Reflect.set(c, "_settingsMap", settingsMap);
    return c;
  }

  /** {"$":"Configuration","settingsMap":value,"fields":{"_settings":value}}: fields overwrite by name, null included. */
  static Object configuration(Map<?, ?> json) throws Exception {
    @SuppressWarnings("unchecked")
    Map<String, Object> settings = (Map<String, Object>) Values.parse(json.get("settingsMap"), Map.class);
    Object group = json.get("group");
    Object c = configuration(settings, group == null ? 0 : ((Number) group).longValue());
    Object fields = json.get("fields");
    if (fields == null) return c;
    for (Map.Entry<?, ?> e : ((Map<?, ?>) fields).entrySet()) {
      String name = (String) e.getKey();
      Reflect.set(c, name, Values.parse(e.getValue(), Reflect.field(c.getClass(), name).getType()));
    }
    return c;
  }

  private static void setAll(Object target, Map<String, Object> setters) throws Exception {
    for (Map.Entry<String, Object> e : setters.entrySet()) {
      for (var m : target.getClass().getMethods()) {
        if (!m.getName().equals(e.getKey()) || m.getParameterCount() != 1) continue;
        if (!Reflect.boxed(m.getParameterTypes()[0]).isInstance(e.getValue())) continue;
        Reflect.invoke(m, target, e.getValue());
        break;
      }
    }
  }

  /** Every setting that the vendor's own screens produce, in one of its two forms. */
  static Map<String, Object> settings(Form form, long group, String address, int port) {
    boolean integers = form == Form.INTEGER;
    Map<String, Object> s = new HashMap<>();
    s.put("cmd", "publish_to_remote");
    s.put("fileName", null);
    s.put("layoutIds", integers ? (Object) new Integer[] {1, 2, 3} : new long[] {1, 2, 3});
    s.put("layoutIdMap", layoutIdMap(integers));
    s.put("locale", Locale.US);
    s.put("parameterMap", parameterMap());
    s.put("portletId", "com_liferay_journal_web_portlet_JournalPortlet");
    s.put("privateLayout", false);
    s.put("remoteAddress", address);
    s.put("remoteGroupId", id(integers, group));
    s.put("remotePathContext", "/portal");
    s.put("remotePort", port);
    s.put("remotePrivateLayout", false);
    s.put("secureConnection", true);
    s.put("sourceGroupId", id(integers, group));
    s.put("sourcePlid", id(integers, 0));
    s.put("startDate", new Date(1700000000000L));
    s.put("targetGroupId", id(integers, group));
    s.put("targetPlid", id(integers, 0));
    s.put("timezone", TimeZone.getTimeZone(integers ? "Europe/Budapest" : "UTC"));
    s.put("userId", id(integers, 20199));
    return s;
  }

  private static Object id(boolean integers, long id) {
    return integers ? (Object) (int) id : (Object) id;
  }

  private static Map<Object, Boolean> layoutIdMap(boolean integers) {
    Map<Object, Boolean> out = new HashMap<>();
    for (long id = 1; id <= 3; id++) out.put(integers ? (Object) String.valueOf(id) : (Object) id, id % 2 == 1);
    return out;
  }

  static HashMap<String, String[]> parameterMap() {
    HashMap<String, String[]> p = new HashMap<>();
    String[] yes = {"true"};
    p.put("PORTLET_DATA", yes);
    p.put("PORTLET_DATA_ALL", yes);
    p.put("PORTLET_DATA_CONTROL_DEFAULT", new String[] {"false"});
    p.put("DELETE_MISSING_LAYOUTS", new String[] {"false"});
    p.put("LAYOUT_SET_SETTINGS", new String[] {"true"});
    p.put("layoutSetBranchId", new String[] {""});
    p.put("range", new String[] {"fromLastPublishDate"});
    return p;
  }

  /** The group as a live server answers it, with its settings read. */
  static Object group(Line line, long id) throws Exception {
    Object g = Reflect.make(IMPL + "GroupImpl");
    setAll(g, Json.object("setGroupId", id, "setCompanyId", 20097L, "setCreatorUserId", 20199L, "setClassNameId", 20001L,
        "setClassPK", id, "setGroupKey", "live", "setName", "Live \u4f8b", "setTreePath", "/" + id + "/", "setType", 1,
        "setFriendlyURL", "/live", "setSite", true, "setActive", true, "setTypeSettings", "a=1\nstagedRemotely=false\n"));
    Reflect.call(g, "getTypeSettingsProperties");
    return g;
  }

  /** Makes an asset library of a group: by its class name and by its type. */
  static void library(Object group) throws Exception {
    setAll(group, Json.object("setClassNameId", 20002L, "setType", 5));
  }

  /** What the portal calls a number of its table of class names. */
  static Object className(long id) throws Exception {
    Object c = Reflect.make(IMPL + "ClassNameImpl");
    setAll(c, Json.object("setClassNameId", id, "setValue", Boot.CLASS_NAMES.getOrDefault(id, Boot.CLASS_NAMES.get(20001L))));
    return c;
  }

  static Object layout(Line line, String uuid, long group, boolean isPrivate) throws Exception {
    Object l = Reflect.make(IMPL + "LayoutImpl");
    setAll(l, Json.object("setUuid", uuid, "setPlid", 30001L, "setGroupId", group, "setCompanyId", 20097L, "setPrivateLayout",
        isPrivate, "setLayoutId", 7L, "setFriendlyURL", "/page", "setType", "portlet", "setCreateDate", new Date(1700000000000L),
        "setTypeSettings", "layout-template-id=2_columns_ii\n"));
    Reflect.call(l, "getTypeSettingsProperties");
    Reflect.set(l, "_layoutSet", layoutSet(group, isPrivate));
    return l;
  }

  /** The pages of a site as a portal keeps them with each page once it looked for their host names: one, or several from 7.3 on. */
  private static Object layoutSet(long group, boolean isPrivate) throws Exception {
    Object set = Reflect.make(IMPL + "LayoutSetImpl");
    setAll(set, Json.object("setLayoutSetId", 30900L, "setGroupId", group, "setCompanyId", 20097L, "setPrivateLayout", isPrivate,
        "setThemeId", "classic", "setColorSchemeId", "01", "setSettings", "sitemap-name=live\n"));
    for (var f : set.getClass().getDeclaredFields()) {
      if (f.getName().equals("_virtualHostname")) Reflect.set(set, f.getName(), "live.example.com");
      if (!f.getName().equals("_virtualHostnames")) continue;
      Reflect.set(set, f.getName(), new TreeMap<>(Map.of("live.example.com", "", "el\u0151.example.com", "hu_HU")));
    }
    Reflect.call(set, "getSettingsProperties");
    return set;
  }

  /** Missing references as the import finds them: one dependency and one weak one, built by the vendor's own classes. */
  static Object missing(Line line, boolean filled) throws Exception {
    Object all = Reflect.make(line.lar + ".MissingReferences");
    if (!filled) return all;
    Map<String, Object> dependency = references(all, "_dependencyMissingReferences");
    Map<String, Object> weak = references(all, "_weakMissingReferences");
    dependency.put("com.liferay.journal.model.JournalArticle:1", missingReference(line, "dependency"));
    weak.put("com.liferay.document.library.kernel.model.DLFileEntry:2", missingReference(line, "weak"));
    return all;
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> references(Object all, String field) throws Exception {
    return (Map<String, Object>) Reflect.field(all.getClass(), field).get(all);
  }

  private static Object missingReference(Line line, String type) throws Exception {
    Object element = element(Map.of("class-name", "com.liferay.journal.model.JournalArticle", "class-pk", "123", "display-name",
        "An article \u4f8b", "group-id", "20143", "referrer-class-name", "com.liferay.portal.model.Layout",
        "referrer-display-name", "Page", "type", type));
    Object m = Reflect.make(line.lar + ".MissingReference", element);
    Reflect.call(m, "addReferrer", "com.liferay.portal.model.Layout", "Page");
    return m;
  }

  private static Object element(Map<String, String> attributes) {
    return Reflect.proxy(Reflect.type("com.liferay.portal.kernel.xml.Element"), (self, method, args) -> {
      if (method.getName().equals("attributeValue")) return attributes.get(args[0]);
      return List.class.isAssignableFrom(method.getReturnType()) ? new ArrayList<>() : Reflect.zero(method.getReturnType());
    });
  }
}
