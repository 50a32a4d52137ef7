// Package errands stores and forwards the tasks of a Kentico behind the gateway: it makes one that is handed in durable
// before its sender forgets it, and is for sync the engine of a server that keeps no journal. What was handed in is a
// person's edit; what others changed is carried there as a task of its own, one try each.
//
// A Kentico cannot compare before it writes. What is expected is held against the gateway's own journal alone, so an
// edit that was made there before a delivery came, and whose task comes afterwards, is found after the fact. By the
// time at which the task says that its object was edited, against the server's own clock, it is told whether its author
// had the delivery before him. Who did not, or of whom that cannot be known, has written beside it: both versions are
// kept until a person decides. The server may have lost the edit meanwhile, the journal has not.
//
// A delivery whose answer is missing may have been carried out. It is tried again under the same tag, and carried out
// twice then at worst, with the same result.
package errands
