// Package signed is how gateways sign what they say to each other: a narrow profile of HTTP message
// signatures (RFC 9421) with one algorithm, Ed25519, one set of covered components, and one spelling.
// A request covers its method, authority, path and the digest of its body; an answer covers its status,
// the digest of its body and the signature of the request that it answers.
package signed
