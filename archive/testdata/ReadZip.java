import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

/**
 * Reads archives from standard input, each after its length in four bytes, and writes two lines for each: what ZipFile
 * sees and what ZipInputStream sees. A line is "error" or the digest over sorted names, lengths and contents.
 */
public class ReadZip {
    private static final int MOST = 64 << 20;

    interface Reader {
        List<String> read() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        DataInputStream in = new DataInputStream(System.in);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        Path file = Files.createTempFile("readzip", ".lar");
        try {
            while (true) {
                int n = in.read();
                if (n < 0) {
                    break;
                }
                n = n << 24 | in.readUnsignedByte() << 16 | in.readUnsignedShort();
                byte[] archive = in.readNBytes(n);
                Files.write(file, archive);
                out.println(line(() -> zipFile(file)));
                out.println(line(() -> zipStream(archive)));
            }
        } finally {
            Files.delete(file);
        }
        out.flush();
    }

    private static String line(Reader reader) {
        try {
            List<String> seen = reader.read();
            Collections.sort(seen);
            MessageDigest sha = MessageDigest.getInstance("SHA-256");
            for (String s : seen) {
                sha.update(s.getBytes(StandardCharsets.UTF_8));
                sha.update((byte) '\n');
            }
            return HexFormat.of().formatHex(sha.digest());
        } catch (Exception e) {
            return "error";
        }
    }

    private static List<String> zipFile(Path file) throws Exception {
        List<String> seen = new ArrayList<>();
        try (ZipFile zip = new ZipFile(file.toFile())) {
            for (ZipEntry e : Collections.list(zip.entries())) {
                seen.add(describe(e, zip.getInputStream(e)));
            }
        }
        return seen;
    }

    private static List<String> zipStream(byte[] archive) throws Exception {
        List<String> seen = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(new ByteArrayInputStream(archive))) {
            for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
                seen.add(describe(e, zip));
            }
        }
        return seen;
    }

    private static String describe(ZipEntry e, InputStream in) throws Exception {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        byte[] buf = new byte[1 << 16];
        long n = 0;
        for (int k = in.read(buf); k >= 0; k = in.read(buf)) {
            sha.update(buf, 0, k);
            n += k;
            if (n > MOST) {
                throw new IOException("too long");
            }
        }
        byte[] name = e.getName().getBytes(StandardCharsets.UTF_8);
        return HexFormat.of().formatHex(name) + " " + n + " " + HexFormat.of().formatHex(sha.digest());
    }
}
