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
//	auth.verifier.TunnelAuthVerifier.hosts.allowed                  hosts.allow, by the rule below
//	auth.verifier.TunnelAuthVerifier.urls.includes                  engine.liferay.urls_includes
//	auth.verifier.TunnelAuthVerifier.urls.excludes                  engine.liferay.urls_excludes
//	OSGi enabled                                                    engine.liferay.enabled
//	OSGi hostsAllowed                                               hosts.allow, by the rule below
//	OSGi urlsIncludes                                               engine.liferay.urls_includes
//	OSGi urlsExcludes                                               engine.liferay.urls_excludes
//	OSGi serviceAccessPolicyName                                    engine.liferay.service_access_policy
//
// A later file of portal_ext wins over an earlier one; a file named by include-and-override wins
// over the one that names it, and a later include over an earlier. An OSGi configuration wins over
// the auth.verifier properties. Of several OSGi configurations those that are enabled count,
// together: one that lets a call pass is enough for Liferay, so their lists are joined, and one
// without hosts lets everybody.
//
// Liferay asks two lists of hosts one after the other, the servlet filter's
// (tunnel.servlet.hosts.allowed) and the verifier's. So hosts.allow is what both cover: an entry of
// one list stays if the other has it too or has a prefix around it, and an entry that is in one
// list only is dropped with a warning. SERVER_IP covers itself and the loopback addresses; anything
// else would need the machine's interfaces, and in doubt nobody is let in. An empty or absent list
// lets everybody pass in Liferay; here the other list decides alone, and if both are empty nobody
// may connect until hosts.allow is written in the YAML file.
//
// A .properties file is read as Java reads it, in UTF-8 or else ISO-8859-1. In the keys above and
// in includes, ${name} is put in from engine.liferay.home and from the other properties; anything else is
// reported. The name of a LIFERAY_ variable is decoded as Liferay does it: in small letters, and
// with names or decimal numbers of characters between underlines (_PERIOD_, _DASH_, _UPPERCASET_,
// _46_).
package vendor
