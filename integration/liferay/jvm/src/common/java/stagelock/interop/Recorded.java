package stagelock.interop;

import java.io.InputStream;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What the export and import module of 7.1 to 7.3 does after the validation, which is the vendor's own there: the module is in no
 * repository, so its calls are made through the line's ServiceHttp classes in the order that was recorded.
 */
final class Recorded {
  private static final int STARTED = 18, SUCCEEDED = 17, PROCESS = 32, BUFFER = 10485760;

  private final Vendor vendor;
  private final Client client;

  Recorded(Vendor vendor, Client client) {
    this.vendor = vendor;
    this.client = client;
  }

  void pages() throws Exception {
    vendor.validate();
    Object configuration = configuration(Map.of());
    event(STARTED, configuration);
    parents();
    transfer(configuration);
    event(SUCCEEDED, configuration);
    cleanUp();
  }

  /** One application, onto the page of live that the first call told. */
  void application(long targetPlid, String portlet) throws Exception {
    vendor.validate();
    transfer(configuration(Map.of("portletId", portlet, "targetPlid", (int) targetPlid, "sourcePlid", (int) StagingSite.PAGE)));
    cleanUp();
  }

  long pageOnLive() throws Exception {
    return (Long) client.call("getLayoutPlid", uuid(StagingSite.PAGE), vendor.site.remoteGroup, false);
  }

  long controlPanel() throws Exception {
    return (Long) client.call("getControlPanelLayoutPlid");
  }

  /** The first build of 7.1 looks the control panel's site up and asks for its first page. */
  long controlPanelOfFirstBuild() throws Exception {
    Object site = client.call("getGroup", Server.COMPANY, "Control Panel");
    return (Long) client.call("getDefaultPlid", Reflect.call(site, "getGroupId"), true);
  }

  void lookups(String portlet) throws Exception {
    long group = vendor.site.remoteGroup;
    client.call("getLayoutByUuidAndGroupId", uuid(StagingSite.PAGE), group, false);
    pageOnLive();
    client.call("hasLayout", uuid(StagingSite.PAGE), group, false);
    client.call("hasPortletId", 30001L, portlet);
    client.call("getGroupDisplayURL", group, false, true);
  }

  private String uuid(long plid) throws Exception {
    return (String) Reflect.call(vendor.site.layout(plid), "getUuid");
  }

  /** From the page's parent upwards, until live has one. */
  private void parents() throws Exception {
    for (long plid : List.of(StagingSite.PARENT, StagingSite.GRANDPARENT)) {
      if ((Boolean) client.call("hasRemoteLayout", uuid(plid), vendor.site.remoteGroup, false)) return;
    }
  }

  private long request;

  private void transfer(Object configuration) throws Exception {
    Path file = vendor.site.export().toPath();
    request = (Long) client.call("createStagingRequest", vendor.site.remoteGroup, Values.hash("MD5", Files.readAllBytes(file)));
    int part = 0, width = String.valueOf((int) (Files.size(file) / BUFFER)).length() + 1;
    try (InputStream in = Files.newInputStream(file)) {
      for (byte[] b = in.readNBytes(BUFFER); b.length > 0; b = in.readNBytes(BUFFER)) {
        client.call("updateStagingRequest", request, file.getFileName() + String.format("%0" + width + "d", part++), b);
      }
    }
    client.call("publishStagingRequest", request, configuration);
  }

  private void cleanUp() throws Exception {
    client.call("cleanUpStagingRequest", request);
  }

  private void event(int code, Object configuration) throws Exception {
    client.call("propagateExportImportLifecycleEvent", code, PROCESS, "35001", new ArrayList<>(List.of((Serializable) configuration)));
  }

  private Object configuration(Map<String, Object> more) throws Exception {
    Map<String, Object> settings = Models.settings(Models.Form.INTEGER, vendor.site.remoteGroup, client.remote().getHost(), client.remote().getPort());
    settings.remove("layoutIdMap");
    settings.putAll(more);
    return Models.configuration(settings, StagingSite.GROUP);
  }
}
