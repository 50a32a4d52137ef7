import java.io.IOException;
import java.io.OutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes archives into the folder of the first argument in the ways in which a Java exporter can. */
public class WriteZip {
    private static final String MANIFEST =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n<root>\n\t<header build-number=\"7413\" type=\"layout-set\" group-id=\"1\"/>\n</root>\n";

    public static void main(String[] args) throws Exception {
        Path dir = Path.of(args[0]);
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(dir.resolve("stream.lar")))) {
            fill(zip, false);
        }
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(dir.resolve("times.lar")))) {
            fill(zip, true);
        }
        Path nio = dir.resolve("filesystem.lar");
        try (FileSystem fs = FileSystems.newFileSystem(URI.create("jar:" + nio.toUri()), Map.of("create", "true"))) {
            fill(fs);
        }
        try (FileSystem fs = FileSystems.newFileSystem(nio, Map.of())) { // a second session rewrites the archive
            Files.writeString(fs.getPath("/group/1/late.xml"), "<late/>");
        }
    }

    private static void fill(ZipOutputStream zip, boolean times) throws IOException {
        put(zip, "group/", new byte[0], times);
        put(zip, "group/1/\u00e1rv\u00edz.xml", "<a/>".repeat(100).getBytes(StandardCharsets.UTF_8), times);
        put(zip, "group/1/empty", new byte[0], times);
        byte[] data = new byte[100_000];
        new java.util.Random(1).nextBytes(data);
        ZipEntry stored = new ZipEntry("group/1/stored.bin");
        CRC32 crc = new CRC32();
        crc.update(data);
        stored.setMethod(ZipEntry.STORED);
        stored.setSize(data.length);
        stored.setCrc(crc.getValue());
        zip.putNextEntry(stored);
        zip.write(data);
        put(zip, "manifest.xml", MANIFEST.getBytes(StandardCharsets.UTF_8), times);
    }

    private static void put(ZipOutputStream zip, String name, byte[] data, boolean times) throws IOException {
        ZipEntry e = new ZipEntry(name);
        if (times) {
            e.setLastModifiedTime(FileTime.fromMillis(1_700_000_000_000L));
            e.setCreationTime(FileTime.fromMillis(1_600_000_000_000L));
            e.setLastAccessTime(FileTime.fromMillis(1_650_000_000_000L));
        }
        zip.putNextEntry(e);
        zip.write(data);
        zip.closeEntry();
    }

    private static void fill(FileSystem fs) throws IOException {
        Files.createDirectories(fs.getPath("/group/1"));
        Files.writeString(fs.getPath("/group/1/\u00e1rv\u00edz.xml"), "<a/>".repeat(100));
        try (OutputStream out = Files.newOutputStream(fs.getPath("/group/1/empty"))) {
            out.flush();
        }
        Files.writeString(fs.getPath("/manifest.xml"), MANIFEST);
    }
}
