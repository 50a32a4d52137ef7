// Package witness ties the audit logs of the gateways that share a store together. Each gateway writes a
// log of its own; now and then one of them signs a note over the ends of all of them, and the others
// hold it against what they saw before and add their signatures. So whoever cuts, forks or removes the
// log of one gateway is seen by the others.
//
// A note is in the format of golang.org/x/mod/sumdb/note. Its text is
//
//	stagelock-cluster "live"
//	12
//	<SHA-256 of all lines that follow>
//	prev <SHA-256 of the text of note 11>
//	time 2026-11-27T04:40:00.123Z
//	log "gate-a" 48211 <hash of record 48211>
//	log "gate-b" 47190 <hash of record 47190>
//	ended 3 <running hash over name, size and hash of the logs that are listed no more>
//
// with hashes in base64. The log of a gateway that has gone, and wrote nothing for a day, moves from the
// list into the running hash; it comes back with its next record.
package witness
