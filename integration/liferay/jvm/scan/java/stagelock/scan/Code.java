package stagelock.scan;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.InvokeDynamicInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TypeInsnNode;

/**
 * What the jars of one line say: classes, methods, who calls whom. A class that two jars hold is read twice, and what
 * both say counts: the vendor publishes several builds of a line, and a caller of any of them is a caller.
 */
final class Code {
    static final String PRINCIPAL = "/HttpPrincipal;";
    static final String HANDLER = "Lcom/liferay/portal/kernel/util/MethodHandler;";

    /** A class: what it extends and implements, and its methods by name and descriptor. */
    static final class Kind {
        final String name;
        boolean concrete;
        final TreeSet<String> parents = new TreeSet<>();
        final TreeMap<String, Method> methods = new TreeMap<>();

        Kind(String name) {
            this.name = name;
        }
    }

    /** A method, with the jars that have it. made are the remote calls that leave the portal right here. */
    static final class Method implements Comparable<Method> {
        final Kind owner;
        final String name;
        final String descriptor;
        int access;
        final TreeSet<String> jars = new TreeSet<>();
        final TreeMap<String, TreeSet<String>> made = new TreeMap<>();
        boolean makesPrincipal;

        Method(Kind owner, String name, String descriptor) {
            this.owner = owner;
            this.name = name;
            this.descriptor = descriptor;
        }

        boolean isPublic() {
            return (access & Opcodes.ACC_PUBLIC) != 0;
        }

        boolean isAbstract() {
            return (access & Opcodes.ACC_ABSTRACT) != 0;
        }

        /** A class that the vendor's generator made, which only sends what its caller asks for. */
        boolean isStub() {
            return owner.name.endsWith("ServiceHttp");
        }

        String plain() {
            return Names.plain(owner.name, name, descriptor);
        }

        @Override
        public String toString() {
            return owner.name + "." + name + descriptor;
        }

        @Override
        public int compareTo(Method other) {
            return toString().compareTo(other.toString());
        }
    }

    /** A place in a method, in one jar, that calls another. fixed: no subclass can stand in for the owner. */
    record Site(Method in, String jar, String owner, String name, String descriptor, boolean fixed) {
    }

    /** A place that sends a MethodHandler whose call cannot be told, and the method that it hands it to. */
    record Unresolved(String in, String sent) implements Comparable<Unresolved> {
        @Override
        public int compareTo(Unresolved other) {
            return (in + sent).compareTo(other.in + other.sent);
        }
    }

    final Map<String, Kind> kinds = new HashMap<>();
    final Map<String, List<Site>> sites = new HashMap<>(); // by name and descriptor
    final Map<String, TreeSet<Method>> bodies = new HashMap<>(); // methods with code, by the same
    final Map<String, TreeSet<Method>> creators = new HashMap<>();
    final List<Site> withPrincipal = new ArrayList<>();
    final TreeMap<Unresolved, TreeSet<String>> unresolved = new TreeMap<>();

    /** Reads the vendor's classes in a jar and returns how many there are. */
    int read(String path) throws IOException {
        int classes = 0;
        try (var jar = new JarFile(path)) {
            for (JarEntry entry : Collections.list(jar.entries())) {
                String name = entry.getName();
                if (!name.startsWith("com/liferay/") || !name.endsWith(".class")) continue;
                add(jar, entry, Names.jar(path));
                classes++;
            }
        }
        return classes;
    }

    private void add(JarFile jar, JarEntry entry, String jarName) throws IOException {
        var node = new ClassNode();
        try (InputStream in = jar.getInputStream(entry)) {
            new ClassReader(in.readAllBytes()).accept(node, ClassReader.SKIP_FRAMES | ClassReader.SKIP_DEBUG);
        } catch (RuntimeException e) {
            throw new UncheckedIOException(new IOException(jarName + ": " + entry.getName() + ": no class file", e));
        }
        Kind kind = kinds.computeIfAbsent(node.name, Kind::new);
        kind.concrete |= (node.access & (Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT)) == 0;
        if (node.superName != null) kind.parents.add(node.superName);
        kind.parents.addAll(node.interfaces);
        var keys = new Keys(node);
        for (MethodNode m : node.methods) {
            Method method = kind.methods.computeIfAbsent(m.name + m.desc, k -> new Method(kind, m.name, m.desc));
            method.access |= m.access;
            method.jars.add(jarName);
            if (!method.isAbstract()) bodies.computeIfAbsent(m.name + m.desc, k -> new TreeSet<>()).add(method);
            for (AbstractInsnNode i : m.instructions) note(method, jarName, i);
            keys.made(m).forEach(call -> method.made.computeIfAbsent(call, k -> new TreeSet<>()).add(jarName));
        }
        keys.unresolved.forEach(where -> unresolved.computeIfAbsent(where, k -> new TreeSet<>()).add(jarName));
    }

    private void note(Method in, String jar, AbstractInsnNode i) {
        if (i instanceof MethodInsnNode m) {
            boolean fixed = m.getOpcode() == Opcodes.INVOKESTATIC || m.getOpcode() == Opcodes.INVOKESPECIAL;
            call(new Site(in, jar, m.owner, m.name, m.desc, fixed));
            in.makesPrincipal |= m.name.equals("<init>") && (m.owner + ";").endsWith(PRINCIPAL) && !in.owner.name.equals(m.owner);
        } else if (i instanceof InvokeDynamicInsnNode d) {
            for (Object o : d.bsmArgs) {
                if (o instanceof Handle h) call(new Site(in, jar, h.getOwner(), h.getName(), h.getDesc(), false));
            }
        } else if (i instanceof TypeInsnNode t && t.getOpcode() == Opcodes.NEW) {
            creators.computeIfAbsent(t.desc, k -> new TreeSet<>()).add(in);
        }
    }

    private void call(Site site) {
        if (!site.owner().startsWith("com/liferay/")) return;
        sites.computeIfAbsent(site.name() + site.descriptor(), k -> new ArrayList<>()).add(site);
        if (parameters(site.descriptor()).contains(PRINCIPAL)) withPrincipal.add(site);
    }

    static String parameters(String descriptor) {
        return descriptor.substring(0, descriptor.indexOf(')') + 1);
    }
}
