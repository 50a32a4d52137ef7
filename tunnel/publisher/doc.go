// Package publisher is the sending side of remote staging: it speaks the tunnel as the CMS of a
// chosen build does, to a gateway or straight to a portal.
//
// A Client makes single calls, and Publish sends a whole archive in the order in which the vendor's
// sender does: check, create, every part, validate where the form has it, publish, clean up. What
// fails is a *Failure, which says in plain words what happened and what to do, and whether the call
// may have been carried out.
//
// A call that must not be carried out twice is never sent twice on a guess. It is sent again only
// where it is certain that nothing was carried out: the call had not left whole, or a gateway said
// so.
package publisher
