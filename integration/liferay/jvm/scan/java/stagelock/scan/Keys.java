package stagelock.scan;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.InsnNode;
import org.objectweb.asm.tree.IntInsnNode;
import org.objectweb.asm.tree.LdcInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.MethodNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SourceInterpreter;
import org.objectweb.asm.tree.analysis.SourceValue;

/**
 * Which remote calls a class makes itself: the MethodKey that stands behind the MethodHandler which it sends under an
 * HttpPrincipal. Service, name and types come from the key, since the key is what travels.
 */
final class Keys {
    private static final String KEY = "com/liferay/portal/kernel/util/MethodKey";
    private static final String METHOD_HANDLER = "com/liferay/portal/kernel/util/MethodHandler";
    private static final String NEW_KEY = "(Ljava/lang/Class;Ljava/lang/String;[Ljava/lang/Class;)V";

    /** Where a value comes from, through locals and copies. */
    private static final class Origins extends SourceInterpreter {
        Origins() {
            super(Opcodes.ASM9);
        }

        @Override
        public SourceValue copyOperation(AbstractInsnNode i, SourceValue value) {
            return value;
        }

        @Override
        public SourceValue unaryOperation(AbstractInsnNode i, SourceValue value) {
            return i.getOpcode() == Opcodes.CHECKCAST ? value : super.unaryOperation(i, value);
        }
    }

    /** A method with the origins of everything on its stack. */
    private record Flow(MethodNode method, Frame<SourceValue>[] frames) {
        /** The one instruction that argument n of the call m comes from, -1 the receiver; null if there is not one. */
        AbstractInsnNode argument(MethodInsnNode m, int n) {
            Frame<SourceValue> frame = frames[method.instructions.indexOf(m)];
            if (frame == null) return null;
            int count = Type.getArgumentTypes(m.desc).length;
            return only(frame.getStack(frame.getStackSize() - count + n));
        }

        AbstractInsnNode stack(AbstractInsnNode i, int below) {
            Frame<SourceValue> frame = frames[method.instructions.indexOf(i)];
            return frame == null ? null : only(frame.getStack(frame.getStackSize() - 1 - below));
        }

        private static AbstractInsnNode only(SourceValue value) {
            return value.insns.size() == 1 ? value.insns.iterator().next() : null;
        }
    }

    private final ClassNode node;
    private final Map<String, String> keyFields = new HashMap<>();
    private final Map<String, List<Type>> typeFields = new HashMap<>();
    private boolean fieldsRead;
    final TreeSet<Code.Unresolved> unresolved = new TreeSet<>();

    Keys(ClassNode node) {
        this.node = node;
    }

    /** The remote calls that the method sends itself. */
    TreeSet<String> made(MethodNode method) {
        var calls = new TreeSet<String>();
        if (node.name.endsWith("/TunnelUtil")) return calls;
        Flow flow = null;
        for (AbstractInsnNode i : method.instructions) {
            if (!(i instanceof MethodInsnNode m) || !sends(m.desc)) continue;
            if (flow == null) flow = flow(method);
            int n = handlerIndex(m.desc);
            if (isParameter(flow, m, n)) continue; // whoever calls this method made it
            String call = handler(flow, flow.argument(m, n));
            if (call != null) calls.add(call);
            else unresolved.add(new Code.Unresolved(plain(method), Names.plain(m.owner, m.name, m.desc)));
        }
        return calls;
    }

    private String plain(MethodNode method) {
        return Names.plain(node.name, method.name, method.desc);
    }

    private static boolean sends(String descriptor) {
        String parameters = Code.parameters(descriptor);
        return parameters.contains(Code.PRINCIPAL) && parameters.contains(Code.HANDLER);
    }

    private static int handlerIndex(String descriptor) {
        Type[] types = Type.getArgumentTypes(descriptor);
        int n = 0;
        while (!types[n].getDescriptor().equals(Code.HANDLER)) n++;
        return n;
    }

    private static boolean isParameter(Flow flow, MethodInsnNode m, int n) {
        Frame<SourceValue> frame = flow.frames[flow.method.instructions.indexOf(m)];
        int count = Type.getArgumentTypes(m.desc).length;
        return frame != null && frame.getStack(frame.getStackSize() - count + n).insns.isEmpty();
    }

    private Flow flow(MethodNode method) {
        try {
            return new Flow(method, new Analyzer<>(new Origins()).analyze(node.name, method));
        } catch (AnalyzerException e) {
            throw new IllegalStateException(node.name + "." + method.name + ": " + e.getMessage(), e);
        }
    }

    /** The call of a MethodHandler that was made at the instruction, null if it cannot be told. */
    private String handler(Flow flow, AbstractInsnNode made) {
        MethodInsnNode init = constructor(flow, made, METHOD_HANDLER);
        if (init == null || !init.desc.startsWith("(L" + KEY + ";")) return null;
        AbstractInsnNode key = flow.argument(init, 0);
        if (key instanceof FieldInsnNode f) return fields().keyFields.get(f.owner + "." + f.name);
        return key(flow, key);
    }

    private String key(Flow flow, AbstractInsnNode made) {
        MethodInsnNode init = constructor(flow, made, KEY);
        if (init == null || !init.desc.equals(NEW_KEY)) return null;
        if (!(flow.argument(init, 0) instanceof LdcInsnNode service) || !(service.cst instanceof Type type)) return null;
        if (!(flow.argument(init, 1) instanceof LdcInsnNode name) || !(name.cst instanceof String method)) return null;
        List<Type> types = types(flow, flow.argument(init, 2));
        return types == null ? null : Names.call(type.getInternalName(), method, types);
    }

    private static MethodInsnNode constructor(Flow flow, AbstractInsnNode made, String type) {
        if (!(made instanceof TypeInsnNode t) || t.getOpcode() != Opcodes.NEW || !t.desc.equals(type)) return null;
        for (AbstractInsnNode i : flow.method.instructions) {
            boolean constructs = i instanceof MethodInsnNode m && m.name.equals("<init>") && m.owner.equals(type);
            if (constructs && flow.argument((MethodInsnNode) i, -1) == made) return (MethodInsnNode) i;
        }
        return null;
    }

    /** The content of a Class[]: a constant of this class, or one written where it is used. */
    private List<Type> types(Flow flow, AbstractInsnNode array) {
        if (array instanceof FieldInsnNode f) return fields().typeFields.get(f.owner + "." + f.name);
        if (array == null || array.getOpcode() != Opcodes.ANEWARRAY) return null;
        Integer length = number(flow.stack(array, 0));
        var content = new TreeMap<Integer, Type>();
        for (AbstractInsnNode i : flow.method.instructions) {
            if (i.getOpcode() != Opcodes.AASTORE || flow.stack(i, 2) != array) continue;
            Integer index = number(flow.stack(i, 1));
            Type type = type(flow.stack(i, 0));
            if (index == null || type == null) return null;
            content.put(index, type);
        }
        return length != null && content.size() == length ? new ArrayList<>(content.values()) : null;
    }

    private static Integer number(AbstractInsnNode i) {
        if (i instanceof IntInsnNode n) return n.operand;
        int small = i instanceof InsnNode ? i.getOpcode() - Opcodes.ICONST_0 : -1;
        return small >= 0 && small <= 5 ? small : null;
    }

    private static Type type(AbstractInsnNode i) {
        if (i instanceof LdcInsnNode l && l.cst instanceof Type t) return t;
        if (i instanceof FieldInsnNode f && f.name.equals("TYPE")) return primitive(f.owner);
        return null;
    }

    private static Type primitive(String box) {
        return switch (box) {
            case "java/lang/Boolean" -> Type.BOOLEAN_TYPE;
            case "java/lang/Byte" -> Type.BYTE_TYPE;
            case "java/lang/Character" -> Type.CHAR_TYPE;
            case "java/lang/Short" -> Type.SHORT_TYPE;
            case "java/lang/Integer" -> Type.INT_TYPE;
            case "java/lang/Long" -> Type.LONG_TYPE;
            case "java/lang/Float" -> Type.FLOAT_TYPE;
            case "java/lang/Double" -> Type.DOUBLE_TYPE;
            default -> null;
        };
    }

    /** Reads what the class keeps in static fields. */
    private Keys fields() {
        if (fieldsRead) return this;
        fieldsRead = true;
        for (MethodNode m : node.methods) {
            if (!m.name.equals("<clinit>")) continue;
            Flow flow = flow(m);
            for (AbstractInsnNode i : m.instructions) {
                if (i instanceof FieldInsnNode f && f.getOpcode() == Opcodes.PUTSTATIC) field(flow, f);
            }
        }
        return this;
    }

    private void field(Flow flow, FieldInsnNode f) {
        AbstractInsnNode value = flow.stack(f, 0);
        String name = f.owner + "." + f.name;
        if (f.desc.equals("[Ljava/lang/Class;")) typeFields.put(name, types(flow, value));
        else if (f.desc.equals("L" + KEY + ";")) keyFields.put(name, key(flow, value));
    }
}
