package stagelock.interop;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** One whole publish: the calls that the vendor's staging makes, in its order, with its part names and its clean-up. */
final class Publication {
  private static final int VENDOR_BUFFER = 10485760;

  private final Client client;
  private final Map<String, Object> command;
  private final List<Object> calls = new ArrayList<>();
  private final long group;
  private final boolean isPrivate;
  private long parts;
  private boolean failed;

  Publication(Client client, Map<String, Object> command) {
    this.client = client;
    this.command = command;
    group = ((Number) command.getOrDefault("group", 20143L)).longValue();
    isPrivate = Boolean.TRUE.equals(command.get("private"));
  }

  Map<String, Object> run() throws Exception {
    Path file = Path.of((String) command.get("file"));
    String md5 = Values.hash("MD5", Files.readAllBytes(file));
    call("checkRemoteStagingGroup", group);
    event(1);
    parents();
    Object id = call("createStagingRequest", group, md5);
    try {
      if (!failed) transfer(file, (Long) id);
      if (!failed) finish((Long) id);
      event(failed ? 3 : 2);
    } finally {
      if (id != null) call("cleanUpStagingRequest", id);
    }
    if (!Boolean.FALSE.equals(command.get("lookups"))) lookups();
    return Json.object("ok", !failed, "md5", md5, "bytes", Files.size(file), "parts", parts, "request", id, "calls", calls);
  }

  /** Parents of the selected pages that live lacks; 7.0 and before ask for the page itself. */
  private void parents() {
    for (String uuid : Boot.strings(command.getOrDefault("layouts", List.of("3f2c6d0e-layout-uuid")))) {
      if (client.line.has("hasRemoteLayout")) call("hasRemoteLayout", uuid, group, isPrivate);
      else call("getLayoutByUuidAndGroupId", uuid, group, isPrivate);
    }
  }

  /** Part names: the archive's name and the part's number, one digit wider than the number of full buffers. */
  private void transfer(Path file, long id) throws IOException {
    int buffer = ((Number) command.getOrDefault("bufferSize", (long) VENDOR_BUFFER)).intValue();
    String name = (String) command.getOrDefault("name",
        client.line.is62 ? "20231114_221320.lar" : "5b8c0f6e-4d1a-4c53-9f0e-2a7b6c1d9e44.zip");
    int width = String.valueOf((int) (Files.size(file) / buffer)).length() + 1;
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = new byte[buffer];
      for (int n = in.readNBytes(bytes, 0, buffer); n > 0 && !failed; n = in.readNBytes(bytes, 0, buffer)) {
        byte[] part = n < buffer ? Arrays.copyOf(bytes, n) : bytes;
        call("updateStagingRequest", id, name + String.format("%0" + width + "d", parts++), part);
        bytes = new byte[buffer];
      }
    }
  }

  private void finish(long id) throws Exception {
    boolean map = client.line.is62 || "map".equals(command.get("form"));
    if (map && client.line.has("validateStagingRequest")) {
      call("validateStagingRequest", id, isPrivate, Models.parameterMap());
      if (!failed) call("publishStagingRequest", id, isPrivate, Models.parameterMap());
      return;
    }
    call("publishStagingRequest", id, configuration());
  }

  private Object configuration() throws Exception {
    Models.Form form = "integer".equals(command.get("settings")) ? Models.Form.INTEGER : Models.Form.LONG;
    return Models.configuration(Models.settings(form, group, "live.example.com", 443), group);
  }

  private void event(int code) throws Exception {
    if (!client.line.has("propagateExportImportLifecycleEvent") || Boolean.FALSE.equals(command.get("events"))) return;
    ArrayList<Object> arguments = new ArrayList<>();
    arguments.add(configuration());
    boolean before = failed;
    call("propagateExportImportLifecycleEvent", code, 6, "process-1", arguments);
    failed = before;
  }

  private void lookups() {
    call("getGroup", group);
    if (client.line.has("getGroupDisplayURL")) call("getGroupDisplayURL", group, isPrivate, false);
    call("getLayoutByUuidAndGroupId", "3f2c6d0e-layout-uuid", group, isPrivate);
    for (String method : List.of("getLayoutPlid", "hasLayout")) {
      if (client.line.has(method)) call(method, "3f2c6d0e-layout-uuid", group, isPrivate);
    }
    if (client.line.call("getDefaultPlid", 2) != null) call("getDefaultPlid", group, isPrivate);
    if (client.line.has("hasPortletId")) call("hasPortletId", 30001L, "com_liferay_journal_web_portlet_JournalPortlet");
    if (client.line.has("getControlPanelLayoutPlid")) call("getControlPanelLayoutPlid");
  }

  /** Makes the call and notes it; a failure is noted too and ends the publish, but not its clean-up. */
  private Object call(String method, Object... args) {
    Map<String, Object> note = Json.object("call", method, "digest", Values.digest(args), "ok", true);
    calls.add(note);
    long start = System.nanoTime();
    try {
      Object result = client.call(method, args);
      note.put("result", Values.canonical(result));
      note.put("resultDigest", Values.digest(result));
      return result;
    } catch (Exception e) {
      failed = true;
      note.put("ok", false);
      note.put("exception", Protocol.describe(e));
      return null;
    } finally {
      note.put("ms", (System.nanoTime() - start) / 1_000_000);
    }
  }
}
