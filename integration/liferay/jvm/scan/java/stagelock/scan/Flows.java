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
            TreeSet<Code.Method> callers = m == method || isStaging(m) && !isRun(m) ? graph.callers(m) : new TreeSet<>();
            if (isRun(m) || callers.isEmpty() && m != method) starts.add(Names.last(m.owner.name) + "." + m.name);
            if (isRun(m)) continue;
            for (Code.Method caller : callers) {
                if (counts(caller) && seen.add(caller)) queue.add(caller);
            }
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
        return name.contains("staging") || name.contains("/exportimport/") || name.contains("/lar/") || m.owner.name.contains("/GroupLocalService");
    }

    /** A wrapper only hands on, and the vendor's own tests lie in the same jars. */
    private static boolean counts(Code.Method m) {
        return !Graph.delegates(m.owner) && !m.owner.name.contains("/test/");
    }
}
