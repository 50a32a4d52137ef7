// Package cluster has the commands for gateways that share a database: the key that all of them have,
// and what they tell of each other.
package cluster
