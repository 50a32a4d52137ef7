// Package exchangetest has a store of what servers exchange in memory, for the tests of others. It passes the suites
// below.
package exchangetest
