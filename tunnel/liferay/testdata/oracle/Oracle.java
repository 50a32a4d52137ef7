import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.ObjectStreamClass;

/**
 * Reads object streams from stdin, each behind its length, and answers each on stdout: one byte, 1 for accepted, the names of the
 * classes in the order of their descriptors, and what the object is when it is written again. Limits keep the JVM alive.
 */
public class Oracle {
    static final ObjectInputFilter LIMITS = ObjectInputFilter.Config.createFilter("maxarray=300000;maxdepth=200;maxrefs=400000");

    static final class Reader extends ObjectInputStream {
        final StringBuilder names = new StringBuilder();

        Reader(byte[] data) throws Exception {
            super(new ByteArrayInputStream(data));
            setObjectInputFilter(LIMITS);
        }

        @Override
        protected Class<?> resolveClass(ObjectStreamClass c) throws java.io.IOException, ClassNotFoundException {
            names.append(c.getName()).append('\n');
            return super.resolveClass(c);
        }
    }

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out = new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
        while (true) {
            if (in.available() == 0) {
                out.flush(); // who asks waits for the answers before asking more
            }
            int n;
            try {
                n = in.readInt();
            } catch (EOFException e) {
                break;
            }
            byte[] data = new byte[n];
            in.readFully(data);
            answer(data, out);
        }
        out.flush();
    }

    static void answer(byte[] data, DataOutputStream out) throws Exception {
        byte[] names = {}, again = {};
        boolean accepted = false;
        try {
            Reader reader = new Reader(data);
            Object o = reader.readObject();
            names = reader.names.toString().getBytes("UTF-8");
            accepted = true;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            ObjectOutputStream writer = new ObjectOutputStream(bytes);
            writer.writeObject(o);
            writer.flush();
            again = bytes.toByteArray();
        } catch (Throwable refused) {
            // the answer says so
        }
        out.writeBoolean(accepted);
        out.writeInt(names.length);
        out.write(names);
        out.writeInt(again.length);
        out.write(again);
    }
}
