// Package lines writes log lines without ever keeping waiting who logs: whatever reads standard error
// may stand still, and the gateway goes on refusing, serving and stopping.
package lines
