// Package here has the checks of a doctor that look at one machine only: at the gateway that runs there, at
// its engine, and at the files of the portal beside. look.go has them in one table.
package here
