package stagelock.scan;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.TreeSet;

/**
 * Prints the remote calls that the jars of a line make, a row each, fields parted by tabs, sorted:
 *
 * <pre>
 * call        LINE  CALL    who makes it       jars  from where it is reached
 * unread      LINE  METHOD  who calls it       jars  takes an HttpPrincipal, and no jar has its code
 * unresolved  LINE  METHOD  who calls it       jars  sends a MethodHandler of which the call cannot be told
 * principal   LINE          who makes one      jars  an HttpPrincipal that goes elsewhere
 * read        LINE                         jar   how many classes it has
 * carried     LINE  CALL    the vendor's stub  jars  (with --carried) every call that could be made
 * </pre>
 */
public final class Scan {
    private final String line;
    private final Code code;
    private final Graph graph;
    private final Flows flows;
    private final TreeSet<String> rows = new TreeSet<>();

    private Scan(String line, Code code) {
        this.line = line;
        this.code = code;
        this.graph = new Graph(code);
        this.flows = new Flows(graph);
    }

    /** Arguments: [--carried] LINE JAR... */
    public static void main(String[] args) throws IOException {
        var rest = List.of(args);
        boolean carried = !rest.isEmpty() && rest.get(0).equals("--carried");
        if (carried) rest = rest.subList(1, rest.size());
        if (rest.size() < 2) {
            System.err.println("usage: Scan [--carried] LINE JAR...");
            System.exit(64);
        }
        var scan = new Scan(rest.get(0), new Code());
        for (String jar : rest.subList(1, rest.size())) scan.read(jar);
        scan.look(carried);
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        scan.rows.forEach(out::println);
        out.flush();
        if (out.checkError()) System.exit(74);
    }

    private void read(String jar) throws IOException {
        row("read", "", "", new TreeSet<>(List.of(Names.jar(jar))), Integer.toString(code.read(jar)));
    }

    private void look(boolean carried) {
        for (Code.Kind kind : code.kinds.values()) {
            for (Code.Method m : kind.methods.values()) {
                m.made.forEach((call, jars) -> made(call, m, jars, carried));
                if (keepsPrincipal(m)) row("principal", "", m.plain(), m.jars, "");
            }
        }
        for (Code.Site site : code.withPrincipal) {
            if (isRead(site)) continue;
            row("unread", Names.plain(site.owner(), site.name(), site.descriptor()), site.in().plain(), jars(site), "");
        }
        code.unresolved.forEach((where, jars) -> row("unresolved", where.sent(), where.in(), jars, ""));
    }

    private void made(String call, Code.Method m, TreeSet<String> jars, boolean carried) {
        if (!m.isStub()) {
            row("call", call, m.plain(), jars, String.join(", ", flows.from(m)));
            return;
        }
        if (carried) row("carried", call, m.plain(), jars, "");
        for (Code.Method caller : graph.callers(m)) {
            row("call", call, caller.plain(), graph.jars(caller, m), String.join(", ", flows.from(caller)));
        }
    }

    /** Reports whether m makes an HttpPrincipal and calls nothing with it. */
    private boolean keepsPrincipal(Code.Method m) {
        return m.makesPrincipal && code.withPrincipal.stream().noneMatch(site -> site.in() == m);
    }

    private boolean isRead(Code.Site site) {
        return site.name().equals("<init>") && code.kinds.containsKey(site.owner()) || graph.isRead(site);
    }

    /** The jars in which the site's method calls what it calls there. */
    private TreeSet<String> jars(Code.Site site) {
        var jars = new TreeSet<String>();
        for (Code.Site other : code.withPrincipal) {
            boolean same = other.in() == site.in() && other.owner().equals(site.owner())
                && other.name().equals(site.name()) && other.descriptor().equals(site.descriptor());
            if (same) jars.add(other.jar());
        }
        return jars;
    }

    private void row(String what, String call, String by, TreeSet<String> jars, String more) {
        rows.add(String.join("\t", what, line, call, by, String.join(", ", jars), more));
    }
}
