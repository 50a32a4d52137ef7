package stagelock.interop;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** Sends bytes as they are, over the connection class that the vendor's client uses. */
final class Raw {
  private Raw() {}

  static Map<String, Object> send(Client client, Map<String, Object> command) throws Exception {
    byte[] body = command.get("body") == null ? new byte[0] : Base64.getDecoder().decode((String) command.get("body"));
    return send(client, command, body);
  }

  /** {"url" or "path", "method", "headers", "auth":false or a scheme}: credentials are added unless auth is false. */
  static Map<String, Object> send(Client client, Map<String, Object> command, byte[] body) throws Exception {
    String url = (String) command.getOrDefault("url", client.url());
    if (command.get("path") != null) url = client.url().replaceFirst("/api/liferay/do$", "") + command.get("path");
    HttpURLConnection c = (HttpURLConnection) new URL(url).openConnection();
    c.setRequestMethod((String) command.getOrDefault("method", "POST"));
    c.setInstanceFollowRedirects(false);
    c.setUseCaches(false);
    c.setRequestProperty("Content-Type", "application/x-java-serialized-object");
    credentials(client, c, command);
    headers(c, command.get("headers"));
    if (!c.getRequestMethod().equals("GET")) write(c, body);
    return answer(c);
  }

  private static void write(HttpURLConnection c, byte[] body) throws IOException {
    c.setDoOutput(true);
    try (OutputStream out = c.getOutputStream()) {
      out.write(body);
    }
  }

  private static void headers(HttpURLConnection c, Object headers) {
    if (headers == null) return;
    for (Map.Entry<?, ?> e : ((Map<?, ?>) headers).entrySet()) c.setRequestProperty((String) e.getKey(), (String) e.getValue());
  }

  private static void credentials(Client client, HttpURLConnection c, Map<String, Object> command) throws Exception {
    Object auth = command.getOrDefault("auth", true);
    if (Boolean.FALSE.equals(auth)) return;
    String header = authorization(client, (String) command.getOrDefault("login", client.login()));
    if (auth instanceof String) header = auth + header.substring(header.indexOf(' '));
    c.setRequestProperty("Authorization", header);
  }

  /** The header as the vendor's own code makes it, read off a connection that is never opened. */
  static String authorization(Client client, String login) throws Exception {
    if (client.line.is62) {
      Object key = Reflect.callStatic(client.line.tunnelUtil, "getSharedSecretKey");
      String token = (String) Reflect.callStatic("com.liferay.util.Encryptor", "encrypt", key, login);
      return "Basic " + Base64.getEncoder().encodeToString((login + ":" + token).getBytes(StandardCharsets.UTF_8));
    }
    Header header = new Header();
    Reflect.callStatic("com.liferay.portal.kernel.security.auth.tunnel.TunnelAuthenticationManagerUtil", "setCredentials", login, header);
    return header.value;
  }

  private static final class Header extends HttpURLConnection {
    private String value;

    Header() throws IOException {
      super(new URL("http://127.0.0.1/"));
    }

    @Override
    public void setRequestProperty(String key, String value) {
      if (key.equalsIgnoreCase("Authorization")) this.value = value;
    }

    @Override
    public void disconnect() {}

    @Override
    public boolean usingProxy() {
      return false;
    }

    @Override
    public void connect() {}
  }

  private static Map<String, Object> answer(HttpURLConnection c) throws IOException {
    int status = c.getResponseCode();
    byte[] body = new byte[0];
    try (InputStream in = status >= 400 ? c.getErrorStream() : c.getInputStream()) {
      if (in != null) body = in.readAllBytes();
    }
    Map<String, Object> headers = Json.object();
    for (Map.Entry<String, List<String>> e : c.getHeaderFields().entrySet()) {
      if (e.getKey() != null) headers.put(e.getKey(), new ArrayList<Object>(e.getValue()));
    }
    Map<String, Object> out = Json.object("status", (long) status, "headers", headers, "body", Base64.getEncoder().encodeToString(body));
    decode(body, out);
    return out;
  }

  /** What the vendor's client would make of the body. */
  private static void decode(byte[] body, Map<String, Object> out) {
    if (body.length == 0) return;
    try {
      Object o = Values.deserialize(body);
      if (o instanceof Throwable) out.put("thrown", Protocol.describe((Throwable) o));
      else out.put("value", Values.canonical(o));
    } catch (IOException | ClassNotFoundException | RuntimeException e) {
      out.put("text", new String(body, 0, Math.min(body.length, 200), StandardCharsets.ISO_8859_1));
    }
  }
}
