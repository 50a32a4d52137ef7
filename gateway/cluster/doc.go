// Package cluster is what gateways that share a store have in common beyond its records: the key that
// all of them hold, and what they tell of each other.
package cluster
