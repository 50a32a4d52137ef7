package stagelock.interop;

import java.lang.reflect.InvocationTargetException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a user of a staging site does, from Remote Live's first check to its end, carried out by the vendor's own code: which
 * remote calls that makes, in which order and with which arguments, is not decided here.
 */
final class Flows {
  private interface Step {
    void run() throws Exception;
  }

  /** A flow and whose code decides which calls it makes. */
  private static final class Flow {
    final String code;
    final Step step;

    Flow(String code, Step step) {
      this.code = code;
      this.step = step;
    }
  }

  private static final String CHANGESET = "com_liferay_exportimport_web_portlet_ChangesetPortlet";
  private static final String JOURNAL = "com_liferay_journal_web_portlet_JournalPortlet";

  private final Client client;
  private final Map<String, Flow> flows = new LinkedHashMap<>();
  private final Map<Long, StagingSite> sites = new LinkedHashMap<>();
  private Vendor vendor;

  Flows(Client client) {
    this.client = client;
  }

  /** {"name","group","file"}: carries the flow out and tells every exchange with live, in order. */
  Map<String, Object> run(Map<String, Object> command) throws Exception {
    if (vendor == null) start();
    if (command.get("name") == null) return Json.object("flows", list());
    enter(command);
    Tap.start();
    Map<String, Object> out = Json.object();
    try {
      flows.get(command.get("name")).step.run();
    } catch (Exception | LinkageError e) {
      out.put("failure", Protocol.describe(root(e)));
    }
    List<Object> calls = new ArrayList<>();
    for (Tap.Exchange e : Tap.take()) calls.add(Tap.describe(e));
    out.put("calls", calls);
    return out;
  }

  private List<Object> list() {
    List<Object> out = new ArrayList<>();
    flows.forEach((name, flow) -> out.add(Json.object("name", name, "code", flow.code)));
    return out;
  }

  /** What a proxy had to wrap is not what was thrown. */
  private static Throwable root(Throwable e) {
    while (e.getCause() != null && e.getCause() != e
        && (e instanceof InvocationTargetException || e instanceof java.lang.reflect.UndeclaredThrowableException)) e = e.getCause();
    return e;
  }

  private void start() throws Exception {
    vendor = new Vendor(client.line);
    String portal = vendor.jars(vendor.staging != null && !vendor.validatesItself());
    flows.put("enable", new Flow(portal, this::enable));
    if (vendor.staging != null) driven();
    else recorded();
    flows.put("disable", new Flow(vendor.jars(false), this::disable));
  }

  private void driven() {
    String both = vendor.jars(true);
    flows.put("publish pages", new Flow(both, this::pages));
    flows.put("schedule", new Flow(both, this::schedule));
    if (!vendor.hasModule()) return;
    flows.put("application onto a page", new Flow(both, () -> application(StagingSite.PAGE, JOURNAL)));
    flows.put("single content", new Flow(both, () -> application(StagingSite.CONTROL_PANEL, CHANGESET)));
    flows.put("look-ups", new Flow(both, this::lookups));
  }

  /** The validation is the vendor's, what follows was recorded. A schedule validates once more before it fires. */
  private void recorded() {
    Recorded r = new Recorded(vendor, client);
    String then = vendor.jars(false) + ", then recorded";
    flows.put("publish pages", new Flow(then, r::pages));
    flows.put("schedule", new Flow(then, () -> {
      vendor.validate();
      r.pages();
    }));
    flows.put("application onto a page", new Flow(then, () -> r.application(r.pageOnLive(), JOURNAL)));
    flows.put("single content", new Flow(then, () -> r.application(r.controlPanel(), CHANGESET)));
    if (client.line.name.startsWith("7.1")) {
      flows.put("single content, first build", new Flow(then, () -> r.application(r.controlPanelOfFirstBuild(), CHANGESET)));
    }
    flows.put("look-ups", new Flow("recorded", () -> r.lookups(JOURNAL)));
  }

  /** The staging site of that live site; enabling Remote Live begins with a new one. */
  private void enter(Map<String, Object> command) throws Exception {
    StagingSite site = new StagingSite(client, command);
    StagingSite before = sites.get(site.remoteGroup);
    if (before != null && !command.get("name").equals("enable")) site.group = before.group;
    sites.put(site.remoteGroup, site);
    vendor.site = site;
    vendor.login();
  }

  private Object serviceContext() throws Exception {
    Object context = Reflect.make(client.line.service + ".ServiceContext");
    for (String portlet : List.of(JOURNAL, "com_liferay_document_library_web_portlet_DLAdminPortlet")) {
      String key = "staged-portlet_" + portlet;
      Reflect.call(context, "setAttribute", client.line.is62 ? key : "staged--" + key + "--", "true");
    }
    return context;
  }

  private void enable() throws Exception {
    URI live = client.remote();
    Reflect.call(vendor.stagingLocalService, "enableRemoteStaging", 10199L, vendor.site.group, false, false, live.getHost(), live.getPort(),
        live.getPath(), live.getScheme().equals("https"), vendor.site.remoteGroup, serviceContext());
  }

  private void disable() throws Exception {
    Reflect.call(vendor.stagingLocalService, "disableStaging", vendor.site.group, serviceContext());
  }

  private Map<String, Object> form() {
    return Json.object("groupId", StagingSite.GROUP, "tabs1", "public-pages", "privateLayout", "false", "name", "Publish to live",
        "scope", "selected-pages", "PORTLET_DATA", "true", "PORTLET_DATA_ALL", "true", "timeZoneId", "UTC");
  }

  private void pages() throws Exception {
    Reflect.call(vendor.staging, "publishToRemote", vendor.request(form()));
  }

  private void schedule() throws Exception {
    Map<String, Object> form = form();
    form.putAll(Json.object("schedulerStartDateYear", 2999, "schedulerStartDateMonth", 0, "schedulerStartDateDay", 1, "recurrenceType", -1));
    Reflect.call(vendor.staging, "schedulePublishToRemote", vendor.request(form));
  }

  private void application(long plid, String portlet) throws Exception {
    Map<String, Object> form = form();
    form.put("plid", plid);
    Object p = Reflect.proxy(Reflect.type(client.line.model + ".Portlet"), (self, method, args) ->
        method.getName().equals("getPortletId") ? portlet : Reflect.zero(method.getReturnType()));
    Reflect.call(vendor.staging, "publishToLive", vendor.request(form), p);
  }

  /** The staging bar asks what live has of a page, and where it is. */
  private void lookups() throws Exception {
    Object[] page = {10199L, StagingSite.GROUP, StagingSite.PAGE};
    for (String method : List.of("getRemoteLayout", "getRemoteLayoutPlid", "hasRemoteLayout")) Reflect.call(vendor.staging, method, page);
    Reflect.call(vendor.staging, "isRemoteLayoutHasPortletId", 10199L, StagingSite.GROUP, 30001L, JOURNAL);
    Reflect.call(vendor.staging, "getRemoteSiteURL", vendor.site.group, false);
    URI live = client.remote();
    Reflect.call(vendor.staging, "validateRemoteGroupIsSame", StagingSite.GROUP, vendor.site.remoteGroup, live.getHost(), live.getPort(),
        live.getPath(), live.getScheme().equals("https"));
  }
}
