package stagelock.interop;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Staging requests as a live server keeps them: parts by name, joined in the order of their names, checked by MD5. */
final class Requests {
  private static final long FIRST_FOLDER = 40201;

  private final Line line;
  private final Map<Long, Request> requests = new TreeMap<>();
  private final List<Object> published = new ArrayList<>();
  private long nextFolder = FIRST_FOLDER;
  boolean checkMD5 = true;

  Requests(Line line) {
    this.line = line;
  }

  private static final class Request {
    long group;
    String checksum;
    final Map<String, byte[]> parts = new TreeMap<>();

    byte[] join() {
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      for (byte[] part : parts.values()) out.writeBytes(part);
      return out.toByteArray();
    }
  }

  /** The same archive for the same group gives the same folder, as with the vendor. */
  synchronized Long create(long group, String checksum) {
    for (Map.Entry<Long, Request> e : requests.entrySet()) {
      if (e.getValue().group == group && java.util.Objects.equals(e.getValue().checksum, checksum)) return e.getKey();
    }
    Request r = new Request();
    r.group = group;
    r.checksum = checksum;
    requests.put(nextFolder, r);
    return nextFolder++;
  }

  synchronized Object update(long id, String name, byte[] part) throws Exception {
    Request r = find(id);
    if (r.parts.containsKey(name)) throw portalException("DuplicateFileException", name);
    r.parts.put(name, part);
    return null;
  }

  synchronized Object assemble(long id) throws Exception {
    byte[] archive = find(id).join();
    String md5 = Values.hash("MD5", archive);
    if (checkMD5 && !md5.equals(find(id).checksum)) throw invalidChecksum();
    return Models.missing(line, false);
  }

  synchronized Object publish(long id, Class<?> returns) throws Exception {
    Object missing = assemble(id);
    Request r = find(id);
    byte[] archive = r.join();
    published.add(Json.object("request", id, "group", r.group, "md5", Values.hash("MD5", archive), "bytes", (long) archive.length,
        "parts", new ArrayList<Object>(r.parts.keySet())));
    return returns == void.class ? null : missing;
  }

  synchronized Object cleanUp(long id) throws Exception {
    find(id);
    requests.remove(id);
    return null;
  }

  private Request find(long id) throws Exception {
    Request r = requests.get(id);
    if (r == null) throw portalException("NoSuchFolderException", "No Folder exists with the key {folderId=" + id + "}");
    return r;
  }

  /** The vendor's own class where the line has it, else the parent of them all. */
  private Exception portalException(String simple, String message) throws Exception {
    for (String p : List.of("com.liferay.document.library.kernel.exception.", "com.liferay.portlet.documentlibrary.")) {
      if (Reflect.exists(p + simple)) return (Exception) Reflect.make(p + simple, message);
    }
    return (Exception) Reflect.make("com.liferay.portal.kernel.exception.PortalException", simple + ": " + message);
  }

  private Exception invalidChecksum() throws Exception {
    return (Exception) Reflect.make("com.liferay.portal.kernel.exception.SystemException", "Invalid checksum for LAR file");
  }

  /** What was published since the start, and the requests that live. */
  synchronized Map<String, Object> describe() {
    List<Object> open = new ArrayList<>();
    for (Map.Entry<Long, Request> e : requests.entrySet()) {
      open.add(Json.object("request", e.getKey(), "group", e.getValue().group, "checksum", e.getValue().checksum, "parts",
          new ArrayList<Object>(e.getValue().parts.keySet())));
    }
    return Json.object("published", new ArrayList<>(published), "open", open);
  }

  synchronized void clear() {
    requests.clear();
    published.clear();
  }
}
