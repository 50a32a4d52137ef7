// Package javaser reads and writes Java object streams, as strictly as a firewall must.
//
// A Decoder accepts only what a Java writer writes, and only classes that the place they stand in
// names: a Slot says what may stand in one place, a Shape what one class looks like and what may
// stand in its fields. Everything else ends with an Error that names the rule, the offset and the
// path. Reading is bounded in depth, handles, bytes and expansion, allocates nothing from a length
// that the stream only claims, and hands the content of one large byte array on while it arrives.
//
// An Encoder writes a tree of values as Java would. What a Decoder accepted, an Encoder writes back
// byte for byte: this is the proof that nothing in the stream was overlooked, and a fuzz target
// holds it.
package javaser
