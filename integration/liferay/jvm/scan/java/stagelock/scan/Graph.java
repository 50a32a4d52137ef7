package stagelock.scan;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.objectweb.asm.Opcodes;

/** Who may call a method: by its own name, or by that of a class or interface above it. */
final class Graph {
    private final Code code;
    private final Map<String, Set<String>> above = new HashMap<>();
    private final Map<Code.Method, TreeSet<Code.Method>> callers = new HashMap<>();

    Graph(Code code) {
        this.code = code;
    }

    /** Every class and interface above the one named, itself included. */
    Set<String> above(String name) {
        Set<String> known = above.get(name);
        if (known != null) return known;
        var all = new HashSet<String>();
        above.put(name, all);
        all.add(name);
        Code.Kind kind = code.kinds.get(name);
        if (kind != null) {
            for (String parent : kind.parents) all.addAll(above(parent));
        }
        return all;
    }

    /** The read methods that may call m. */
    TreeSet<Code.Method> callers(Code.Method m) {
        TreeSet<Code.Method> known = callers.get(m);
        if (known != null) return known;
        var all = new TreeSet<Code.Method>();
        for (Code.Site site : code.sites.getOrDefault(m.name + m.descriptor, List.of())) {
            if (site.in() != m && reaches(site, m)) all.add(site.in());
        }
        if (all.isEmpty() && overridesUnread(m)) all.addAll(code.creators.getOrDefault(m.owner.name, new TreeSet<>()));
        callers.put(m, all);
        return all;
    }

    /** The jars in which caller calls m. */
    TreeSet<String> jars(Code.Method caller, Code.Method m) {
        var jars = new TreeSet<String>();
        for (Code.Site site : code.sites.getOrDefault(m.name + m.descriptor, List.of())) {
            if (site.in() == caller && reaches(site, m)) jars.add(site.jar());
        }
        return jars;
    }

    /** Reports whether the site may run m: m is what its owner has, or stands below an owner that can be overridden. */
    private boolean reaches(Code.Site site, Code.Method m) {
        if (above(site.owner()).contains(m.owner.name)) return site.owner().equals(m.owner.name) || inherits(site.owner(), m);
        return !site.fixed() && (m.access & (Opcodes.ACC_STATIC | Opcodes.ACC_PRIVATE)) == 0
            && code.kinds.containsKey(site.owner()) && above(m.owner.name).contains(site.owner());
    }

    /** Reports whether the class named has m from above, and no method of its own between. */
    private boolean inherits(String name, Code.Method m) {
        var queue = new ArrayDeque<String>(Set.of(name));
        while (!queue.isEmpty()) {
            Code.Kind kind = code.kinds.get(queue.remove());
            if (kind == null) continue;
            if (kind == m.owner) return true;
            if (!kind.methods.containsKey(m.name + m.descriptor)) queue.addAll(kind.parents);
        }
        return false;
    }

    /** Reports whether m may be called by what is not read, as run() and call() of a task are: then its makers count. */
    private boolean overridesUnread(Code.Method m) {
        return above(m.owner.name).stream().anyMatch(name -> !code.kinds.containsKey(name) && !name.equals("java/lang/Object"));
    }

    /** Reports whether some class that was read has the code that the site runs. */
    boolean isRead(Code.Site site) {
        return code.bodies.getOrDefault(site.name() + site.descriptor(), new TreeSet<>()).stream()
            .anyMatch(m -> reaches(site, m) && !delegates(m.owner));
    }

    /** A class that only hands on to the one that does the work. */
    static boolean delegates(Code.Kind kind) {
        return kind.name.endsWith("Wrapper");
    }
}
