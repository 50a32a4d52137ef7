import java.io.InputStream;
import java.net.URL;
import javax.net.ssl.HttpsURLConnection;

/** Reads one URL with the JVM's default trust and host name checks and prints what it got. */
public class Client {
    public static void main(String[] args) throws Exception {
        HttpsURLConnection c = (HttpsURLConnection) new URL(args[0]).openConnection();
        try (InputStream in = c.getInputStream()) {
            System.out.println(c.getResponseCode() + " " + c.getCipherSuite() + " " + new String(in.readAllBytes()));
        }
    }
}
