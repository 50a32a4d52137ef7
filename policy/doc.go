// Package policy is the roof over the packages that decide, and has the one catalogue of reasons:
// what each code means, what helps, what the caller gets, and how loud the log tells of it. All of
// them are pure: no I/O, no clock, no logger; what they need of the world comes in as an argument,
// and their zero values refuse.
//
//   - hosts decides which addresses may connect, and which address a client behind a proxy has.
//   - quota decides how fast and how many.
//   - secret decides whose Authorization header is genuine.
//   - calls decides which remote calls may pass, and with which arguments.
//   - topology decides whether servers that synchronize each other may be linked as they are.
package policy
