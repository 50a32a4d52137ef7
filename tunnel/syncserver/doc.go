// Package syncserver has Kentico's staging call, the SOAP wire of CMS 9 to Xperience 13, as data: who
// calls, with which token, and the one task that is to be carried out.
//
// It is a virtual patch. Nothing of the sender's markup is kept: a call is read into a model, the
// model is judged by a Peer, and what passes is written anew in one canonical form, with credentials
// of the gateway's own. What the model has no place for is refused, and so is what nobody allowed: the
// zero Peer admits nothing.
//
// The package does no I/O of its own and reads no clock. A call is held in memory while it is judged,
// the sender's credentials before its body: Limits.Bytes bounds it.
//
// gateway/tasks takes calls through it. It was made from the description of the wire and has not met a
// recording of a real call, so it counts as experimental. Calls signed with X.509, task groups
// and pages nested deeper than a row are refused.
package syncserver
