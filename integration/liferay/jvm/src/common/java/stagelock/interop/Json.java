package stagelock.interop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON without a library, since the lines bring libraries of their own. Objects are maps, whole numbers are longs. */
final class Json {
  private final String text;
  private int at;

  private Json(String text) {
    this.text = text;
  }

  static Object parse(String text) {
    Json json = new Json(text);
    Object value = json.value();
    json.space();
    if (json.at != text.length()) throw json.bad("end");
    return value;
  }

  static Map<String, Object> object(Object... pairs) {
    Map<String, Object> map = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) map.put((String) pairs[i], pairs[i + 1]);
    return map;
  }

  private Object value() {
    space();
    char c = peek();
    if (c == '{') return members();
    if (c == '[') return elements();
    if (c == '"') return string();
    if (c == 't') return word("true", true);
    if (c == 'f') return word("false", false);
    if (c == 'n') return word("null", null);
    return number();
  }

  private Map<String, Object> members() {
    Map<String, Object> map = new LinkedHashMap<>();
    for (at++; next('}', map.isEmpty()); ) {
      space();
      String key = string();
      space();
      expect(':');
      map.put(key, value());
    }
    return map;
  }

  private List<Object> elements() {
    List<Object> list = new ArrayList<>();
    for (at++; next(']', list.isEmpty()); ) list.add(value());
    return list;
  }

  /** Steps over the comma or the closing bracket and says whether a member follows. */
  private boolean next(char close, boolean first) {
    space();
    if (peek() == close) {
      at++;
      return false;
    }
    if (!first) expect(',');
    return true;
  }

  private String string() {
    expect('"');
    StringBuilder out = new StringBuilder();
    for (char c = take(); c != '"'; c = take()) out.append(c == '\\' ? escape() : c);
    return out.toString();
  }

  private char escape() {
    char c = take();
    if (c == 'u') {
      at += 4;
      return (char) Integer.parseInt(text.substring(at - 4, at), 16);
    }
    int i = "bfnrt".indexOf(c);
    return i < 0 ? c : "\b\f\n\r\t".charAt(i);
  }

  private Object number() {
    int from = at;
    while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) at++;
    String digits = text.substring(from, at);
    if (digits.isEmpty()) throw bad("a value");
    if (digits.matches("-?\\d+")) return Long.valueOf(digits);
    return Double.valueOf(digits);
  }

  private Object word(String word, Object value) {
    if (!text.startsWith(word, at)) throw bad(word);
    at += word.length();
    return value;
  }

  private void space() {
    while (at < text.length() && Character.isWhitespace(text.charAt(at))) at++;
  }

  private char peek() {
    if (at >= text.length()) throw bad("more");
    return text.charAt(at);
  }

  private char take() {
    char c = peek();
    at++;
    return c;
  }

  private void expect(char c) {
    if (take() != c) throw bad("'" + c + "'");
  }

  private IllegalArgumentException bad(String wanted) {
    return new IllegalArgumentException("json: offset " + at + ": wants " + wanted);
  }

  static String write(Object value) {
    StringBuilder out = new StringBuilder();
    write(value, out);
    return out.toString();
  }

  private static void write(Object value, StringBuilder out) {
    if (value instanceof Map) writeMembers((Map<?, ?>) value, out);
    else if (value instanceof Iterable) writeElements((Iterable<?>) value, out);
    else if (value instanceof String) writeString((String) value, out);
    else out.append(value);
  }

  private static void writeMembers(Map<?, ?> map, StringBuilder out) {
    String separator = "{";
    for (Map.Entry<?, ?> e : map.entrySet()) {
      out.append(separator);
      writeString((String) e.getKey(), out);
      out.append(':');
      write(e.getValue(), out);
      separator = ",";
    }
    out.append(map.isEmpty() ? "{}" : "}");
  }

  private static void writeElements(Iterable<?> list, StringBuilder out) {
    String separator = "[";
    for (Object o : list) {
      out.append(separator);
      write(o, out);
      separator = ",";
    }
    out.append(separator.equals("[") ? "[]" : "]");
  }

  /** Everything but printable ASCII is escaped, so that lone surrogates survive any reader of the line. */
  private static void writeString(String s, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < s.length(); i++) {
      char c = s.charAt(i);
      if (c == '"' || c == '\\') out.append('\\').append(c);
      else if (c >= ' ' && c < 127) out.append(c);
      else out.append(String.format("\\u%04x", (int) c));
    }
    out.append('"');
  }
}
