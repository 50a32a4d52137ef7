// Package demo shows a publish from a staging to a live environment and back, and attacks on live,
// all on this machine: each environment is a reference engine behind its own gateway.
package demo
