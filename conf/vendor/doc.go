// Package vendor reads Liferay's own files as they are: portal-ext.properties and what it includes,
// the OSGi configurations of the tunnel's verifier, and Liferay's LIFERAY_ variables. It makes one
// layer of settings of them.
//
// # Liferay's files
//
//	Liferay's key                                                   becomes
//	tunneling.servlet.shared.secret                                 engine.upstream.secret.value, and peers[].secret.value
//	tunneling.servlet.shared.secret.hex                             engine.upstream.secret.hex, and peers[].secret.hex
//	tunneling.servlet.encryption.algorithm                          engine.upstream.secret.algorithm, and peers[].secret.algorithm
//	tunnel.servlet.hosts.allowed                                    hosts.allow, by the rule below
//	tunnel.servlet.https.required                                   engine.liferay.https_required
//	staging.remote.transfer.buffer.size                             engine.liferay.buffer_size
//	auth.verifier.TunnelingServletAuthVerifier.hosts.allowed        hosts.allow, by the rule below
//	auth.verifier.TunnelingServletAuthVerifier.urls.includes        engine.liferay.urls_includes
//	auth.verifier.TunnelingServletAuthVerifier.urls.excludes        engine.liferay.urls_excludes
//	OSGi enabled                                                    engine.liferay.enabled
//	OSGi hostsAllowed                                               hosts.allow, by the rule below
//	OSGi urlsIncludes                                               engine.liferay.urls_includes
//	OSGi urlsExcludes                                               engine.liferay.urls_excludes
//	OSGi serviceAccessPolicyName                                    engine.liferay.service_access_policy
//
// # How they are read
//
// A .properties file is read as the portal reads it, through Commons Configuration and not through
// java.util.Properties: in UTF-8, up to 6.2 in ISO-8859-1; blanks around a value do not count;
// comments and empty lines within a continued value are passed over; a key that stands twice has
// both values, joined by a comma; a byte order mark belongs to the first key; a \u without its digits
// loses the whole file. ${env:NAME}, ${sys:name} and ${name}, of the properties and of the JVM, are
// put into values without commas and into each host of a list; what nothing resolves stays. A later
// file of portal_ext wins over an earlier one; a file named by include-and-override wins over the one
// that names it, and a later include over an earlier. Includes know references to their own file and
// to the JVM's properties only, and stand beside the first file, as on the class path, whichever file
// names them; 6.2 takes file: names too. Those that do not exist are passed over. Where the portal loses or
// passes over something that is read here, a problem says so.
//
// A .config or .cfg file of 7.3 and 7.4 goes through the portal's own reader, which goes line by line
// and stops without a word at the first line that it does not know; it puts in properties of the JVM
// and variables whose names begin with LIFERAY_. In 7.0 to 7.2 it goes through Felix File Install,
// of which builds differ: it is read as version 3.6 does, and a warning names what others read
// otherwise. From 7.2 on a property configuration.override.PID_key wins over the key in the file. The
// tests hold these readers against the vendor's.
//
// The name of a LIFERAY_ variable is decoded as Liferay does it: in small letters, and with names or
// decimal numbers of characters between underlines (_PERIOD_, _DASH_, _UPPERCASET_, _46_).
//
// # How they are merged
//
// An OSGi configuration wins over the auth.verifier properties, which 6.2 reads and nobody else. Of
// several OSGi configurations those that are enabled count, together: one that lets a call pass is
// enough for Liferay, so their lists are joined, and one without hosts lets everybody.
//
// Liferay asks two lists of hosts one after the other, the servlet filter's
// (tunnel.servlet.hosts.allowed) and the verifier's. So hosts.allow is what both cover: an entry of
// one list stays if the other has it too or has a prefix around it, and an entry that is in one
// list only is dropped with a warning. SERVER_IP covers itself and the loopback addresses; anything
// else would need the machine's interfaces, and in doubt nobody is let in. An empty list, or an
// absent verifier's, lets everybody pass in Liferay; here the other list decides alone, and if both
// are empty nobody may connect until hosts.allow is written in the YAML file. Absent from a
// portal-ext.properties that is read, the filter's list is Liferay's default, this machine, and in 6.2
// the verifier's is nobody.
package vendor
