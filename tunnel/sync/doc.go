// Package sync has the words that servers speak which keep each other's content alike: changes, signed
// by the server on which they were made, the rules that say what a change makes of an object, and the
// messages between gateways. It is pure: it reads no clock and does no I/O.
//
// A change has an id. Whoever knows the id takes nothing twice, so changes end in any topology. A
// change has a version vector, which says what its author had before him: two changes of which neither
// contains the other are a conflict, which is kept until a person or a rule decides.
package sync
