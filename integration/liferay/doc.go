// Package liferay has tests with the vendor's own code on both ends of the gateway: its client publishes, its servlet answers.
//
// They run when they are asked for by name, as `make interop` does: go test -run Interop ./integration/liferay. A plain
// `go test ./...` starts no JVM. A JDK 17 and Maven are needed, and the jars of seven builds, which Maven fetches by name; what
// is missing is said and the tests are skipped, or fail where CI=true is set.
//
// TestInteropRemoteCalls starts no portal: it reads the bytecode of the vendor's jars, several builds of each line, for every
// call that leaves a portal under an HttpPrincipal, and holds the presets of policy/calls against it. jvm/scan/scan prints what
// it finds; testdata/remote-calls.md is the table, with what could not be read and why a preset has calls that nothing makes.
//
// Each build is started once, its server first, then a real gateway with TLS, allowlist, secret and policy, then its publisher.
// The tables that the tests print are kept in testdata; -update writes them anew.
package liferay
