package stagelock.interop;

import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.net.ssl.HostnameVerifier;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLSocketFactory;

/** Writes down what the vendor's client sends and is answered, below its code: in the JVM's own HTTP connections. */
final class Tap {
  private static final List<Exchange> EXCHANGES = new ArrayList<>();
  private static boolean installed;

  private Tap() {}

  /** One request body and what came back for it. */
  static final class Exchange {
    final ByteArrayOutputStream sent = new ByteArrayOutputStream();
    final ByteArrayOutputStream got = new ByteArrayOutputStream();
    IOException failure;
  }

  /** Begins anew; from now on every connection of this JVM is seen. */
  static synchronized void start() throws Exception {
    EXCHANGES.clear();
    if (installed) return;
    Map<String, URLStreamHandler> own = Map.of("http", handler("http"), "https", handler("https"));
    URL.setURLStreamHandlerFactory(protocol -> own.containsKey(protocol) ? new Handler(own.get(protocol)) : null);
    forget();
    installed = true;
  }

  static synchronized List<Exchange> take() {
    List<Exchange> out = new ArrayList<>(EXCHANGES);
    EXCHANGES.clear();
    return out;
  }

  private static synchronized Exchange next() {
    Exchange e = new Exchange();
    EXCHANGES.add(e);
    return e;
  }

  private static URLStreamHandler handler(String protocol) throws Exception {
    return (URLStreamHandler) Reflect.field(URL.class, "handler").get(new URL(protocol + "://localhost/"));
  }

  /** The JVM keeps the handlers that it found before. */
  private static void forget() throws Exception {
    ((Map<?, ?>) Reflect.field(URL.class, "handlers").get(null)).clear();
  }

  private static final class Handler extends URLStreamHandler {
    private final URLStreamHandler own;

    Handler(URLStreamHandler own) {
      this.own = own;
    }

    @Override
    protected int getDefaultPort() {
      return own.getClass().getName().contains("https") ? 443 : 80;
    }

    @Override
    protected URLConnection openConnection(URL url) throws IOException {
      return new Connection((HttpURLConnection) new URL(null, url.toExternalForm(), own).openConnection());
    }
  }

  /** What the vendor's tunnel client asks of a connection; the rest is the JVM's own business. */
  private static final class Connection extends HttpsURLConnection {
    private final HttpURLConnection own;
    private final Exchange exchange = next();

    Connection(HttpURLConnection own) {
      super(own.getURL());
      this.own = own;
    }

    @Override
    public OutputStream getOutputStream() throws IOException {
      OutputStream out = own.getOutputStream();
      return new FilterOutputStream(out) {
        @Override
        public void write(int b) throws IOException {
          out.write(b);
          exchange.sent.write(b);
        }

        @Override
        public void write(byte[] b, int off, int len) throws IOException {
          out.write(b, off, len);
          exchange.sent.write(b, off, len);
        }
      };
    }

    @Override
    public InputStream getInputStream() throws IOException {
      return new FilterInputStream(answer()) {
        @Override
        public int read() throws IOException {
          int b = super.read();
          if (b >= 0) exchange.got.write(b);
          return b;
        }

        @Override
        public int read(byte[] b, int off, int len) throws IOException {
          int n = super.read(b, off, len);
          if (n > 0) exchange.got.write(b, off, n);
          return n;
        }
      };
    }

    private InputStream answer() throws IOException {
      try {
        return own.getInputStream();
      } catch (IOException e) {
        exchange.failure = e;
        throw e;
      }
    }

    @Override
    public void connect() throws IOException {
      own.connect();
    }

    @Override
    public void disconnect() {
      own.disconnect();
    }

    @Override
    public boolean usingProxy() {
      return own.usingProxy();
    }

    @Override
    public int getResponseCode() throws IOException {
      return own.getResponseCode();
    }

    @Override
    public String getHeaderField(String name) {
      return own.getHeaderField(name);
    }

    @Override
    public String getHeaderField(int n) {
      return own.getHeaderField(n);
    }

    @Override
    public String getHeaderFieldKey(int n) {
      return own.getHeaderFieldKey(n);
    }

    @Override
    public void setRequestMethod(String method) throws java.net.ProtocolException {
      own.setRequestMethod(method);
    }

    @Override
    public void setRequestProperty(String key, String value) {
      own.setRequestProperty(key, value);
    }

    @Override
    public void setDoInput(boolean on) {
      own.setDoInput(on);
    }

    @Override
    public void setDoOutput(boolean on) {
      own.setDoOutput(on);
    }

    @Override
    public void setUseCaches(boolean on) {
      own.setUseCaches(on);
    }

    @Override
    public void setConnectTimeout(int ms) {
      own.setConnectTimeout(ms);
    }

    @Override
    public void setReadTimeout(int ms) {
      own.setReadTimeout(ms);
    }

    @Override
    public void setHostnameVerifier(HostnameVerifier verifier) {
      if (own instanceof HttpsURLConnection) ((HttpsURLConnection) own).setHostnameVerifier(verifier);
    }

    @Override
    public void setSSLSocketFactory(SSLSocketFactory factory) {
      if (own instanceof HttpsURLConnection) ((HttpsURLConnection) own).setSSLSocketFactory(factory);
    }

    @Override
    public String getCipherSuite() {
      return ((HttpsURLConnection) own).getCipherSuite();
    }

    @Override
    public Certificate[] getLocalCertificates() {
      return ((HttpsURLConnection) own).getLocalCertificates();
    }

    @Override
    public Certificate[] getServerCertificates() throws javax.net.ssl.SSLPeerUnverifiedException {
      return ((HttpsURLConnection) own).getServerCertificates();
    }
  }

  /** Reads an exchange back: which call it was, and what came of it, with digests as the server makes them. */
  static Map<String, Object> describe(Exchange e) throws Exception {
    Object handler = Reflect.call(Values.deserialize(e.sent.toByteArray()), "getValue");
    Object key = Reflect.call(handler, "getMethodKey");
    Object[] args = (Object[]) Reflect.call(handler, "getArguments");
    Map<String, Object> out = Json.object("service", ((Class<?>) Reflect.call(key, "getDeclaringClass")).getName(),
        "call", Reflect.call(key, "getMethodName"), "login", login(e), "digest", Values.digest(args),
        "serialized", Recorder.serialized(args), "ok", true);
    Object result = e.failure != null ? e.failure : result(e.got.toByteArray());
    if (result instanceof Throwable) {
      out.put("ok", false);
      out.put("exception", Protocol.describe((Throwable) result));
      return out;
    }
    out.put("result", Values.canonical(result));
    out.put("resultDigest", Values.digest(result));
    return out;
  }

  private static Object login(Exchange e) throws Exception {
    return Reflect.call(Reflect.call(Values.deserialize(e.sent.toByteArray()), "getKey"), "getLogin");
  }

  /** Nothing is the answer of a call that returns nothing, behind heartbeats too. */
  private static Object result(byte[] got) throws Exception {
    try {
      return got.length == 0 ? null : Values.deserialize(got);
    } catch (java.io.EOFException e) {
      return null;
    }
  }
}
