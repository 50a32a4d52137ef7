// Package plan makes of a configuration what the gateway's rooms are built of: the policy that a reload
// replaces, and where the certificate comes from. It collects all that is wrong on the way, with the
// line that says so, and runs nothing.
package plan
