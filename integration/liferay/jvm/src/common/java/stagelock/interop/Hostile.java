package stagelock.interop;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectOutputStream;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** Things that a legal client never sends. */
final class Hostile {
  private Hostile() {}

  /** Two sets a level, each holding both of the next: reading it doubles the work with every level. */
  static Object nestedSets(int depth) {
    Set<Object> root = new HashSet<>();
    Set<Object> a = root;
    Set<Object> b = new HashSet<>();
    for (int i = 0; i < depth; i++) {
      Set<Object> c = new HashSet<>();
      Set<Object> d = new HashSet<>();
      c.add("x" + i);
      a.add(c);
      a.add(d);
      b.add(c);
      b.add(d);
      a = c;
      b = d;
    }
    return root;
  }

  /** Serialized as the vendor's inner streams are: with the name of a class loader after every class. */
  static byte[] annotated(Object value) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes) {
      @Override
      protected void annotateClass(Class<?> type) throws IOException {
        writeUTF("null");
      }
    }) {
      out.writeObject(value);
    }
    return bytes.toByteArray();
  }

  /** Strings that all have the hash of their number, mixed with numbers of the same hash: trees of a map cannot order them. */
  static Map<Object, Object> collisions(int n) {
    Map<Object, Object> out = new HashMap<>(n * 2);
    for (int i = 0; i < n / 2; i++) {
      StringBuilder key = new StringBuilder();
      for (int bit = 0; bit < 17; bit++) key.append((i >> bit & 1) == 0 ? "Aa" : "BB");
      out.put(key.toString(), true);
    }
    int hash = "Aa".repeat(17).hashCode();
    for (long high = 0; high < n / 2; high++) out.put(high << 32 | (high ^ hash) & 0xffffffffL, true);
    return out;
  }
}
