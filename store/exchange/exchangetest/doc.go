// Package exchangetest has the conformance suites of the contracts of exchange: every implementation
// passes them.
package exchangetest
