package stagelock.interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** One JSON object a line in, one or more out. Standard output carries nothing else. */
final class Protocol {
  /** A command gets its line and returns what its answer adds to {"ok":true}. */
  interface Command {
    Map<String, Object> run(Map<String, Object> line) throws Throwable;
  }

  private final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
  private final PrintStream out = System.out;
  private final Map<String, Command> commands = new LinkedHashMap<>();

  Protocol() {
    System.setOut(System.err);
  }

  void on(String name, Command command) {
    commands.put(name, command);
  }

  @SuppressWarnings("unchecked")
  Map<String, Object> read() throws IOException {
    String line = in.readLine();
    return line == null ? null : (Map<String, Object>) Json.parse(line);
  }

  synchronized void write(Map<String, Object> answer) {
    byte[] bytes = (Json.write(answer) + "\n").getBytes(StandardCharsets.US_ASCII);
    out.write(bytes, 0, bytes.length);
    out.flush();
  }

  /** Serves commands until "stop" or the end of input. */
  void serve() throws IOException {
    for (Map<String, Object> line = read(); line != null; line = read()) {
      write(answer(line));
      if ("stop".equals(line.get("do"))) return;
    }
  }

  private Map<String, Object> answer(Map<String, Object> line) {
    Map<String, Object> answer = Json.object("ok", true);
    long start = System.nanoTime();
    try {
      Command command = commands.get(line.get("do"));
      if (command == null) throw new IllegalArgumentException("no command " + line.get("do"));
      answer.putAll(command.run(line));
    } catch (Throwable t) {
      answer.put("ok", false);
      answer.put("exception", describe(t));
    }
    answer.put("ms", (System.nanoTime() - start) / 1_000_000);
    if (line.containsKey("id")) answer.put("id", line.get("id"));
    return answer;
  }

  static Map<String, Object> describe(Throwable t) {
    StackTraceElement[] stack = t.getStackTrace();
    Map<String, Object> out = Json.object("class", t.getClass().getName(), "message", t.getMessage(),
        "top", stack.length > 0 ? stack[0].toString() : null, "frames", (long) stack.length);
    Values.addThrowableFields(t, out);
    if (t.getCause() != null && t.getCause() != t) out.put("cause", describe(t.getCause()));
    return out;
  }
}
