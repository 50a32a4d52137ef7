// Package star shows four environments that keep each other's content alike, all on this machine: a
// hub and three leaves, each a reference engine behind its own gateway.
package star
