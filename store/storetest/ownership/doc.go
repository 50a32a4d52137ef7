// Package ownership holds the conformance suites of who is alive and who owns a call: store.Members and
// store.Repeats, whose claims end with the member that made them.
package ownership
