package policy

// frontReasons are found before a request is read: nothing was said in HTTP yet, so most have no
// answer.
var frontReasons = []Reason{
	{Code: "proxy.absent",
		Meaning: "a balancer of hosts.proxy_protocol sent no PROXY protocol header",
		Cure:    "switch it on at the balancer (HAProxy: send-proxy-v2, nginx: proxy_protocol on), or take the balancer out of hosts.proxy_protocol"},
	{Code: "proxy.foreign",
		Meaning: "a PROXY protocol header came from an address that may not send one",
		Cure:    "if it is your balancer, add it to hosts.proxy_protocol and restart; else find out who sent it"},
	{Code: "hello.plain", Answer: BadRequest,
		Meaning: "plain HTTP came to a port that speaks TLS",
		Cure:    "tick Use a Secure Network Connection on the staging server"},
	{Code: "hello.untrusted",
		Meaning: "the client does not trust the gateway's certificate",
		Cure:    "make the staging server's JVM trust it: stagelock ca prints the commands; after an update of the JDK once more"},
	{Code: "hello.version",
		Meaning: "the client speaks no TLS that is new enough",
		Cure:    "Java 7 wants -Dhttps.protocols=TLSv1.2 on the staging server; or lower tls.min_version if it is 1.3"},
	{Code: "hello.cipher",
		Meaning: "client and gateway have no cipher in common",
		Cure:    "update the JDK of the staging server, or take jdk.tls.disabledAlgorithms back to what came with it"},
	{Code: "hello.crowded",
		Meaning: "addresses that are not allowed have as many connections as there are places for them",
		Cure:    "add the address to hosts.allow if it is a publisher's; else find out who sends them, or raise quota.strangers"},
	{Code: "hello.idle",
		Meaning: "an address that is not allowed sent no request in the time that strangers have",
		Cure:    "add the address to hosts.allow if it is a publisher's; else find out who connects there, or raise limits.stranger_timeout"},
	{Code: "hello.failed",
		Meaning: "the TLS handshake failed",
		Cure:    "find out what connects there: publishers enter https and this port, balancers pass TLS through or begin it"},
}
