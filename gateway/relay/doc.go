// Package relay is the way of one call of the Liferay tunnel: from its head through address, quota,
// secret, the strict reading of the call and the policy, to the live engine and back. pipeline.go
// has the steps in one list.
//
// A Relay serves connections with a rules.Policy, which a reload replaces as a whole: a call keeps the one
// it began with. What happened is written to the audit log, the verdict before the engine can act on
// the call, the outcome after the answer.
//
// What a step needs has a room of its own: memory is what calls are held against, inflight what is under
// way, claims who has a staging request, waiting how a call waits, engine the way to the engine and back,
// answer what the publisher gets, digest what duplicates are known by, cleanup the call that the gateway
// makes itself, sights what goes by of an archive, retention what is forgotten, rules what a reload
// replaces, problems what a call is refused for.
package relay
