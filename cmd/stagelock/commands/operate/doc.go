// Package operate has the commands of those who run a gateway: run it, and look at its configuration and its
// health.
package operate
