package stagelock.interop;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/** Legal argument sets of every allowed call, and the staging requests that some of them need. */
final class Sets {
  /** Never sent by a publish: live would call an address of the caller's choice. No preset lets them pass. */
  static final List<String> REFUSED = List.of("enableLocalStaging", "enableRemoteStaging");

  final Randoms randoms;
  private final List<Long> groups;
  private final Map<String, Function<Line.Call, Object[]>> makers = new HashMap<>();

  /** A request in progress: what is still to be sent of it, under which names. */
  static final class Request {
    long id;
    long group;
    String checksum;
    String name;
    int width;
    int next;
    final List<byte[]> parts = new ArrayList<>();

    boolean complete() {
      return next == parts.size();
    }
  }

  Sets(Randoms randoms, List<Long> groups) {
    this.randoms = randoms;
    this.groups = groups;
    for (String m : List.of("checkRemoteStagingGroup", "enableStaging", "disableStaging")) makers.put(m, c -> of(group()));
    for (String m : List.of("hasRemoteLayout", "getLayoutByUuidAndGroupId", "getLayoutPlid", "fetchLayoutPlid", "hasLayout")) {
      makers.put(m, c -> of(randoms.uuid(), group(), flag()));
    }
    makers.put("getGroup", c -> c.types.length == 1 ? of(group()) : of(20097L, randoms.text()));
    makers.put("getGroupDisplayURL", c -> of(group(), flag(), flag()));
    makers.put("updateStagedPortlets", c -> of(group(), randoms.portlets()));
    makers.put("getDefaultPlid", this::defaultPlid);
    makers.put("fetchByClassNameId", c -> of(randoms.number()));
    makers.put("hasPortletId", c -> of(randoms.number(), randoms.text()));
    makers.put("getControlPanelLayoutPlid", c -> of());
    makers.put("propagateExportImportLifecycleEvent", c -> of(randoms.random.nextInt(), randoms.random.nextInt(), orNull(randoms.text()), event()));
  }

  /** Null for calls that need a request. */
  Object[] make(Line.Call call) {
    Function<Line.Call, Object[]> maker = makers.get(call.method);
    boolean needsRequest = call.method.endsWith("StagingRequest");
    if (maker == null && !needsRequest) throw new IllegalStateException("no arguments for " + call.label());
    return maker == null ? null : maker.apply(call);
  }

  static Object[] of(Object... args) {
    return args;
  }

  long group() {
    return randoms.pick(groups);
  }

  private boolean flag() {
    return randoms.random.nextBoolean();
  }

  private String orNull(String s) {
    return randoms.chance(10) ? null : s;
  }

  /** Both numbers name sites: the second is the scope whose content is looked for. */
  private Object[] defaultPlid(Line.Call call) {
    Object[] out = new Object[call.types.length];
    out[0] = group();
    for (int i = 1; i < out.length; i++) {
      out[i] = call.types[i] == long.class ? (Object) group() : call.types[i] == boolean.class ? (Object) flag() : randoms.text();
    }
    return out;
  }

  Object configuration(long group) {
    try {
      Object c = Models.configuration(randoms.settings(group), group);
      for (String f : List.of("_name", "_description", "_settings", "_userName")) Reflect.set(c, f, orNull(randoms.text()));
      for (String f : List.of("_companyId", "_userId", "_exportImportConfigurationId", "_statusByUserId")) Reflect.set(c, f, randoms.number());
      Reflect.set(c, "_statusDate", randoms.chance(2) ? randoms.date() : null);
      return c;
    } catch (Exception e) {
      throw new IllegalStateException("configuration", e);
    }
  }

  private ArrayList<Object> event() {
    ArrayList<Object> out = new ArrayList<>();
    out.add(configuration(group()));
    return out;
  }

  /** A new archive in parts, with names as the vendor makes them: one width, a number at the end. */
  Request request() {
    Request r = new Request();
    r.group = group();
    r.name = "n" + randoms.name(1 + randoms.random.nextInt(120)) + (flag() ? ".zip" : ".lar");
    r.width = 2 + randoms.random.nextInt(3);
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    for (int i = randoms.random.nextInt(5); i >= 0; i--) {
      r.parts.add(randoms.bytes());
      all.writeBytes(r.parts.get(r.parts.size() - 1));
    }
    r.checksum = Values.hash("MD5", all.toByteArray());
    return r;
  }

  Object[] update(Request r) {
    return of(r.id, r.name + String.format("%0" + r.width + "d", r.next), r.parts.get(r.next));
  }

  Object[] publish(Line.Call call, Request r) {
    return call.types.length == 3 ? of(r.id, flag(), randoms.parameterMap()) : of(r.id, configuration(r.group));
  }
}
