package policy

// engineReasons are found between the gateway and the live engine, and where calls meet their
// repeats.
var engineReasons = []Reason{
	{Code: "engine.down", Answer: TryAgain, Level: Error,
		Meaning: "no node of the live engine can be reached, or it went away before it had the whole call",
		Cure:    "start the engine, or correct engine.upstream; then publish again"},
	{Code: "engine.lost", Answer: LateException, Late: true, Level: Error,
		Meaning: "the live engine went away after it had the whole call and before it answered",
		Cure:    "look on the live site whether the content arrived before you publish again"},
	{Code: "engine.redirects", Answer: Exception, Level: Error,
		Meaning: "the live engine, or a server before it, sends the gateway elsewhere",
		Cure:    "look at the engine's tunnel.servlet.https.required and at engine.upstream.path_context"},
	{Code: "engine.refusing", Answer: Exception, Level: Error,
		Meaning: "the live engine turns the gateway itself away",
		Cure: "compare the engine's tunnel.servlet.hosts.allowed and tunneling.servlet.shared.secret with the gateway's" +
			" address and engine.upstream.secret, and look at engine.upstream.path_context"},
	{Code: "engine.failing", Answer: Exception, Level: Error,
		Meaning: "the live engine, or a server before it, cannot take calls now",
		Cure:    "look into the engine's own log; then publish again"},
	{Code: "engine.page", Answer: Exception, Level: Error,
		Meaning: "something else than the live engine's tunnel answers: a log-in, a proxy's own page, another application",
		Cure:    "name the portal itself in engine.upstream.nodes, behind every proxy, and its engine.upstream.path_context"},
	{Code: "reply.empty", Answer: LateException, Late: true, Level: Error,
		Meaning: "the live engine answered with nothing where a value was due: it could not read the call",
		Cure:    "look into the engine's log; publisher and engine must be of one version line"},
	{Code: "reply.memory", Answer: LateException, Late: true,
		Meaning: "the call was carried out, but the calls that are under way take all the memory that calls may have, and none was left for its answer",
		Cure:    "look on live before publishing again; raise quota.memory if the machine has more"},
	{Code: "reply.refused", Answer: LateException, Late: true, Level: Error,
		Meaning: "the live engine's answer is none that the call can have",
		Cure:    "look on the live site whether the content arrived; then find out what answers in the engine's place"},
	{Code: "repeat.answered", Answer: Repeated, Level: Info,
		Meaning: "the call is a repeat of one that was carried out: it gets that one's answer",
		Cure:    "nothing: Java's client repeats a call whose connection broke"},
	{Code: "repeat.unknown", Answer: LateException, Late: true,
		Meaning: "the call is a repeat of one of which nobody knows how it ended",
		Cure:    "look on the live site whether the content arrived before you publish again"},
	upstream("connect", "the connection to the engine could not be made"),
	upstream("send", "the engine did not take the request"),
	upstream("silent", "the connection ended before a byte of an answer"),
	upstream("reply", "the engine's answer is not HTTP as it must be"),
	upstream("cut", "the engine's answer ended early"),
	upstream("too-large", "the engine's answer is larger than one may be"),
	upstream("cancelled", "the answer was not waited for"),
}

// upstream is a detail of engine.down and engine.lost.
func upstream(name, meaning string) Reason {
	return Reason{Code: "upstream." + name, Meaning: meaning,
		Cure: "look at the engine's own log, and at what stands between the gateway and the engine"}
}
