// Package failure says in plain words why a call of a publisher did not succeed, what to do about it, and
// whether anything was carried out.
package failure
