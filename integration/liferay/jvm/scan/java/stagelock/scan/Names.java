package stagelock.scan;

import java.util.Arrays;
import java.util.stream.Collectors;
import org.objectweb.asm.Type;

/** How classes, methods and calls are written. */
final class Names {
    private Names() {
    }

    /** The name as Class.getName gives it, which is what travels in a MethodKey: long, java.lang.String, [B. */
    static String wire(Type type) {
        return type.getSort() == Type.ARRAY ? type.getDescriptor().replace('/', '.') : type.getClassName();
    }

    static String call(String service, String method, Iterable<Type> parameters) {
        var all = new StringBuilder();
        for (Type type : parameters) all.append(all.length() == 0 ? "" : ", ").append(wire(type));
        return service.replace('/', '.') + "#" + method + "(" + all + ")";
    }

    /** Class and method without packages: GroupLocalServiceImpl.isCompanyGroup(HttpPrincipal, Group). */
    static String plain(String owner, String method, String descriptor) {
        String parameters = Arrays.stream(Type.getArgumentTypes(descriptor))
            .map(t -> last(t.getClassName())).collect(Collectors.joining(", "));
        return last(owner) + "." + method + "(" + parameters + ")";
    }

    static String last(String name) {
        return name.substring(Math.max(name.lastIndexOf('/'), name.lastIndexOf('.')) + 1);
    }

    /** The artifact and version that a jar's file is named after, without the vendor's prefix. */
    static String jar(String path) {
        String file = path.substring(path.lastIndexOf('/') + 1);
        return (file.endsWith(".jar") ? file.substring(0, file.length() - 4) : file).replaceFirst("^com\\.liferay\\.", "");
    }
}
