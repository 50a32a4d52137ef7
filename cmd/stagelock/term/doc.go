// Package term is what every command prints with: the shell it runs in, output for people and for
// scripts, progress, and how a failure is told and turned into an exit code.
package term
