// Package watch looks on while a gateway works: it counts what is written to the audit log, says in
// the gateway's own log how each publish ended, and warns of certificates that run out.
package watch
