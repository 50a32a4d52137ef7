package stagelock.readers;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.io.StringReader;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.Collections;
import java.util.Dictionary;
import java.util.List;
import java.util.Map;

/**
 * Asks the vendor's own readers what a file says. A command a line, its fields in Base64 with a blank between:
 *
 * <pre>
 * portal FOLDER KEY...   what the portal reads from portal.properties in the folder: for each key an answer
 *                        "=" for none, else the text and the array, joined by commas
 * config NAME TEXT       what its configuration installer reads from a file: for each key the key and its values
 * </pre>
 *
 * The answer is one line: "ok" and a field for each key, or "thrown" and the exception.
 */
public final class Readers {
  public static void main(String[] args) throws Exception {
    PrintStream out = System.out;
    System.setOut(System.err);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(answer(line.split(" ", -1)));
      out.flush();
    }
  }

  private static String answer(String[] fields) {
    try {
      List<String> rest = new ArrayList<>();
      for (int i = 1; i < fields.length; i++) rest.add(decode(fields[i]));
      return "ok" + ("portal".equals(fields[0]) ? portal(rest) : config(rest.get(0), rest.get(1)));
    } catch (Throwable t) {
      Throwable cause = t instanceof InvocationTargetException ? t.getCause() : t;
      return "thrown " + encode(String.valueOf(cause));
    }
  }

  /** The folder comes before the portal's own jar: its portal.properties says no more than what to include, which is quick to read. */
  private static final class Folder extends URLClassLoader {
    Folder(URL url) {
      super(new URL[] {url}, Readers.class.getClassLoader());
    }

    @Override
    public URL getResource(String name) {
      URL own = findResource(name);
      return own == null ? super.getResource(name) : own;
    }
  }


  private static String portal(List<String> fields) throws Exception {
    File folder = new File(fields.get(0));
    System.setProperty("default.liferay.home", folder.getParent());
    StringBuilder answer = new StringBuilder();
    try (URLClassLoader loader = new Folder(folder.toURI().toURL())) {
      Object configuration = configuration(loader);
      for (String key : fields.subList(1, fields.size())) {
        Object text = configuration.getClass().getMethod("get", String.class).invoke(configuration, key);
        Object array = configuration.getClass().getMethod("getArray", String.class).invoke(configuration, key);
        answer.append(' ').append(text == null ? "=" : encode((String) text)).append(',').append(values(array));
      }
    }
    return answer.toString();
  }

  private static Object configuration(ClassLoader loader) throws Exception {
    Class<?> type = Class.forName("com.liferay.portal.configuration.ConfigurationImpl");
    for (Constructor<?> c : type.getConstructors()) {
      if (c.getParameterCount() == 4) return c.newInstance(loader, "portal", 0L, null);
      if (c.getParameterCount() == 2) return c.newInstance(loader, "portal");
    }
    throw new IllegalStateException("no constructor of " + type);
  }

  private static String config(String name, String text) throws Exception {
    StringBuilder answer = new StringBuilder();
    Map<?, ?> read = have("com.liferay.portal.file.install.properties.ConfigurationPropertiesFactory") ? liferay(name, text)
        : have("org.apache.felix.utils.properties.TypedProperties") ? typed(text) : dictionary(name, text);
    for (Map.Entry<?, ?> e : read.entrySet()) {
      answer.append(' ').append(encode(String.valueOf(e.getKey()))).append(',').append(values(e.getValue()));
    }
    return answer.toString();
  }

  private static boolean have(String type) {
    try {
      Class.forName(type);
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  private static Map<?, ?> liferay(String name, String text) throws Exception {
    Object read = Class.forName("com.liferay.portal.file.install.properties.ConfigurationPropertiesFactory")
        .getMethod("create", String.class, String.class, String.class).invoke(null, name, text, "UTF-8");
    Map<Object, Object> all = new java.util.LinkedHashMap<>();
    for (Object key : (Collection<?>) read.getClass().getMethod("keySet").invoke(read)) {
      all.put(key, read.getClass().getMethod("get", String.class).invoke(read, key));
    }
    return all;
  }

  private static Map<?, ?> typed(String text) throws Exception {
    Class<?> type = Class.forName("org.apache.felix.utils.properties.TypedProperties");
    Object read = type.getConstructor(boolean.class).newInstance(false);
    type.getMethod("load", Reader.class).invoke(read, new StringReader(text));
    return (Map<?, ?>) read;
  }

  private static Map<?, ?> dictionary(String name, String text) throws Exception {
    if (name.endsWith("cfg")) {
      java.util.Properties p = new java.util.Properties();
      p.load(new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1)));
      return p;
    }
    Dictionary<?, ?> read = (Dictionary<?, ?>) Class.forName("org.apache.felix.cm.file.ConfigurationHandler")
        .getMethod("read", InputStream.class).invoke(null, new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    Map<Object, Object> all = new java.util.LinkedHashMap<>();
    for (Object key : Collections.list(read.keys())) all.put(key, read.get(key));
    return all;
  }

  /** The texts of an array, a collection or one value, each in Base64 with a comma between; "=" for nothing at all. */
  private static String values(Object value) {
    if (value == null) return "=";
    List<String> all = new ArrayList<>();
    if (value instanceof Collection) {
      for (Object o : (Collection<?>) value) all.add(encode(String.valueOf(o)));
    } else if (value.getClass().isArray()) {
      for (int i = 0; i < Array.getLength(value); i++) all.add(encode(String.valueOf(Array.get(value, i))));
    } else {
      all.add(encode(String.valueOf(value)));
    }
    return String.join(",", all);
  }

  /** "-" stands before every text, so that an empty one is seen. */
  private static String encode(String text) {
    return "-" + Base64.getUrlEncoder().withoutPadding().encodeToString(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String decode(String field) {
    return new String(Base64.getUrlDecoder().decode(field), StandardCharsets.UTF_8);
  }
}
