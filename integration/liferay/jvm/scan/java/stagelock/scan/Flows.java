package stagelock.scan;

import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;

/** From where a method is reached: the ways up, through what the vendor wrote for staging, to where that is called. */
final class Flows {
    static final String DEAD = "dead: nothing calls it";
    static final String API = "no caller was read";

    /** A way ends where the portal's machinery runs one of these: above them everything is connected with everything. */
    private static final List<String> RUN = List.of("/BackgroundTaskExecutor", "/ExportImportLifecycleListener");

    private final Graph graph;

    Flows(Graph graph) {
        this.graph = graph;
    }

    /** Where the ways to the method begin, sorted; or why there is none. */
    TreeSet<String> from(Code.Method method) {
        var starts = new TreeSet<String>();
        var seen = new HashSet<>(Set.of(method));
        var queue = new ArrayDeque<>(Set.of(method));
        while (!queue.isEmpty()) {
            Code.Method m = queue.remove();
            boolean run = isRun(m);
            List<Code.Method> callers = run || m != method && !isStaging(m) ? List.of() : callers(m);
            if (run || callers.isEmpty() && m != method) starts.add(Names.last(m.owner.name) + "." + m.name);
            callers.stream().filter(seen::add).forEach(queue::add);
        }
        if (starts.isEmpty()) starts.add(method.isPublic() ? API : DEAD);
        return starts;
    }

    private boolean isRun(Code.Method m) {
        return graph.above(m.owner.name).stream().anyMatch(name -> RUN.stream().anyMatch(name::endsWith))
            && (m.name.equals("execute") || m.name.equals("onExportImportLifecycleEvent"));
    }

    /** Reports whether the way goes on above m. Elsewhere its start has been found: who deletes a site, say. */
    private static boolean isStaging(Code.Method m) {
        String name = m.owner.name.toLowerCase(Locale.ROOT);
        return name.contains("staging") || name.contains("/exportimport/") || name.contains("/lar/")
            || name.contains("/grouplocalservice");
    }

    /** The callers but for wrappers, which only hand on, and the vendor's own tests, which lie in the same jars. */
    private List<Code.Method> callers(Code.Method m) {
        return graph.callers(m).stream().filter(c -> !Graph.delegates(c.owner) && !c.owner.name.contains("/test/")).toList();
    }
}
