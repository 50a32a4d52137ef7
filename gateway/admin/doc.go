// Package admin is how a gateway tells how it is, and is told what to do: the answers of the health
// paths, a listener of its own for metrics, status, reloads and profiles, and the client of that
// listener that the commands use.
//
// Who opens the Unix socket is the operator. Over TCP there is nobody to ask for a password, so it is
// the loopback interface that is listened on; others may read, not change, once they are listed. A
// web page cannot use a browser there: no name that is not known passes as Host, and no request of
// another site changes anything.
package admin
