package main

// proof is one promise and the tests that show it. A test says what it tried in a line of its log that begins
// with "prove: "; of one that says nothing its cases are counted.
type proof struct {
	name  string
	rows  string   // of the list of figures in gateway/THREAT_MODEL.md
	pkg   string   // folder of the tests
	tests []string // their names
	args  []string // arguments of the tests
	long  []string // more of them, that make the counts full
	needs string   // what the tests look for, beyond Go
}

// proofs are run in this order. Those of one folder that need no arguments of their own are run together.
var proofs = []proof{
	{name: "chains in calls", rows: "1", pkg: "integration", tests: []string{"TestChainsReachNobody"}},
	{name: "chains in the reader", rows: "1", pkg: "tunnel/liferay", tests: []string{"TestGadgets"}},
	{name: "named shapes", rows: "2", pkg: "integration", tests: []string{"TestShapesReachNobody"}},
	{name: "Java's reader", rows: "3", pkg: "tunnel/liferay", tests: []string{"TestMutantsAgainstJava"},
		long: []string{"-args", "-mutants=10000000"}, needs: "a JDK"},
	{name: "exhaustion", rows: "5", pkg: "integration", tests: []string{"TestExhaustingStreamsReachNobody"}},
	{name: "cost of a refusal", rows: "5 6", pkg: "tunnel/javaser", tests: []string{"TestExhaustion", "TestDenseStreams"}},
	{name: "memory of all calls", rows: "6", pkg: "integration", tests: []string{"TestManyPeersHoldTheMaximum"}},
	{name: "broken requests", rows: "7", pkg: "integration", tests: []string{"TestBrokenRequestsAreNotCarriedOut"}},
	{name: "a JVM's broken requests", rows: "7", pkg: "integration/liferay",
		tests: []string{"TestInteropBrokenParts"}, needs: "a JDK and Maven"},
	{name: "a real Tomcat", rows: "8 9 10", pkg: "integration/liferay",
		tests: []string{"TestInteropOddMessages", "TestInteropSpellings",
			"TestInteropSpoofs"}, needs: "a JDK and Maven"},
	{name: "heads", rows: "8", pkg: "integration", tests: []string{"TestOddMessagesStayOutside"}},
	{name: "smuggling", rows: "8", pkg: "tunnel/http1", tests: []string{"TestSmuggling", "TestNothingUpstreamForOddMessages"}},
	{name: "paths", rows: "9", pkg: "integration", tests: []string{"TestSpellingsReachNobody"}},
	{name: "forwarding headers", rows: "10", pkg: "policy/hosts", tests: []string{"TestSpoofedHeaders"}},
	{name: "PROXY headers", rows: "10", pkg: "gateway/front", tests: []string{"TestProxyHeadersThatNameNobody"}},
	{name: "addresses", rows: "11", pkg: "policy/hosts", tests: []string{"TestDecisionsMatchOracle"},
		long: []string{"-args", "-decisions=1000000"}},
	{name: "TLS", rows: "13", pkg: "gateway/certs", tests: []string{"TestTLSProfile", "TestResumption"}},
	{name: "local authority", rows: "13", pkg: "gateway/certs", tests: []string{"TestTheLocalAuthorityMaySignForItsNamesOnly",
		"TestJavaHonoursTheConstraint"}, needs: "a JDK"},
	{name: "HTTP/2", rows: "12", pkg: "integration",
		tests: []string{"TestHTTP2Conformance"}, needs: "h2spec from the module proxy"},
	{name: "signatures", rows: "14", pkg: "tunnel/signed", tests: []string{"TestChangedRequests", "TestOtherImplementations"},
		long: []string{"-args", "-requests=2000000"}, needs: "two other implementations from the module proxy"},
	{name: "nonces", rows: "15", pkg: "store/sqlite", tests: []string{"TestNonces"}},
	{name: "kills", rows: "16", pkg: "integration", tests: []string{"TestKill"}, long: []string{"-args", "-kills=40"}},
	{name: "the vendor's client", rows: "17", pkg: "integration/liferay",
		tests: []string{"TestInteropOnce"}, needs: "a JDK, Maven, HAProxy and nginx"},
	{name: "repeats", rows: "17", pkg: "integration", tests: []string{"TestDeliveryIsNeverInferred",
		"TestARepeatOvertakesItsOriginal", "TestOnceBehindABalancer", "TestTwinInFlightWaitsForTheFirst"}, needs: "HAProxy and nginx"},
	{
		name:  "reload and drain",
		rows:  "18",
		pkg:   "integration",
		tests: []string{"TestReload", "TestDrain", "TestDrainPastItsDeadline"},
	},
	{name: "reloads and swaps under load", rows: "18", pkg: "cmd/stagelock",
		tests: []string{"TestReloadsUnderLoadLoseNoCall", "TestSwapsUnderLoadLoseNoCall"},
		long:  []string{"-args", "-clients=32", "-reloads=1000", "-swaps=100"}},
	{name: "two gateways", rows: "19", pkg: "integration", tests: []string{"TestTwinOfADeadGateway",
		"TestDatabaseIsAway", "TestDatabaseRestartsDuringAPublish"}, needs: "PostgreSQL"},
	{name: "servers kept alike", rows: "19", pkg: "gateway/replica", tests: []string{"TestModel", "TestControlsFail"},
		long: []string{"-args", "-histories=200"}},
	{name: "servers killed", rows: "19", pkg: "integration/alike", tests: []string{"TestKill"},
		long: []string{"-args", "-kills=25"}},
	{name: "slow clients", rows: "20", pkg: "tunnel/http1", tests: []string{"TestSlowHead", "TestSlowBody", "TestSlowDrain"}},
	{name: "strangers' limits", rows: "20", pkg: "integration", tests: []string{"TestTooManyConnections",
		"TestStrangersDoNotFillTheLog", "TestMemoryOfManyParts"}},
	{name: "what can be pinned", rows: "20", pkg: "integration", tests: []string{"TestWhatCanBePinned", "TestLogThatCanBePinned"},
		args: []string{"-args", "-pinned"}},
	{name: "one writer, odd clocks", rows: "16", pkg: "integration",
		tests: []string{"TestTwoProcessesOnOneDataFolder", "TestClockJumps"}},
	{name: "certificates at once", rows: "21", pkg: "gateway/certs", tests: []string{"TestManyStarts", "TestCARunsOut"}},
	{name: "rotation", rows: "22", pkg: "policy/secret", tests: []string{"TestRotation"}},
	{
		name:  "edits of the log",
		rows:  "23",
		pkg:   "gateway/audit/proof",
		tests: []string{"TestEdits", "TestVerifySaysBadWhereItCannotKnow"},
	},
	{name: "injection into the log", rows: "23", pkg: "gateway/audit", tests: []string{"TestLogInjection"}},
	{name: "archives", rows: "24", pkg: "archive", tests: []string{"TestNothingAcceptedThatReadersReadDifferently",
		"TestBombsStopWithinAMiB"}, needs: "a JDK"},
	{name: "recorded calls", rows: "26", pkg: "tunnel/liferay", tests: []string{"TestRequestsAreWrittenBack",
		"TestRepliesAreWrittenBack", "TestEveryMethodCanBeWritten"}},
	{name: "real calls pass", rows: "26", pkg: "integration", tests: []string{"TestRecordedCallsPass"}},
	{name: "hostile answers", rows: "1 6", pkg: "integration", tests: []string{"TestHostileAnswersStayInside",
		"TestEngineThatAnswersBadly", "TestAnswersBelongToTheirCalls"}},
	{name: "hostile answers to a JVM", rows: "1 5", pkg: "integration/liferay",
		tests: []string{"TestInteropHostileAnswers"}, needs: "a JDK and Maven"},
	{name: "cost of all this", rows: "25", pkg: "integration", tests: []string{"TestCostBesideAPlainProxy"},
		long: []string{"-args", "-cost-rounds=8"}},
	{name: "hygiene", rows: "27", pkg: "integration/prove", tests: []string{"TestFilesAreFormatted", "TestVetFindsNothing",
		"TestModulesAreWhatTheyWere", "TestNoTestSleepsOrIsSkipped"}, args: []string{"-args", "-hygiene"}},
	{name: "what is written down", rows: "28", pkg: "integration/prove", tests: []string{"TestThreatModel"}},
}

// targets are the fuzz targets of what reads foreign bytes. Each has seeds in its source and, named by what they are, in
// testdata/fuzz of its folder.
var targets = []struct{ pkg, name, reads string }{
	{"tunnel/javaser", "FuzzDecode", "Java serialization"},
	{"tunnel/liferay", "FuzzMethodKey", "MethodKey"},
	{"tunnel/liferay", "FuzzRead", "calls"},
	{"tunnel/liferay", "FuzzReply", "replies"},
	{"tunnel/http1", "FuzzRequest", "HTTP/1.1 heads"},
	{"tunnel/http1", "FuzzReply", "HTTP/1.1 chunks"},
	{"gateway/front", "FuzzProxyHeader", "PROXY v1 and v2"},
	{"policy/secret", "FuzzVerify", "Basic credentials"},
	{"policy/hosts", "FuzzEntry", "entries of host lists"},
	{"archive", "FuzzOpen", "zip"},
	{"archive", "FuzzManifest", "manifests"},
	{"conf/format", "FuzzProperties", "properties"},
	{"conf/format", "FuzzConfig", "OSGi configurations"},
	{"conf", "FuzzLoad", "our configuration"},
	{"conf/settings", "FuzzRead", "YAML"},
	{"tunnel/signed", "FuzzSignature", "signatures of messages"},
}

// notYet are the figures that nothing here shows, and why.
var notYet = []struct{ row, why string }{}
