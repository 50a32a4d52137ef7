// Package upstream is the nodes of the live engine: which of them are up, which one a call goes to,
// and the connections to them. It knows staging requests by their ids and nothing of calls.
//
// A node goes out for refusing or failing, never for being slow while a call runs on it: a portal
// that imports answers its home page late (hardening, section 9.5). Probes alone never take the
// last node out, and an answered call brings a node back at once.
package upstream
