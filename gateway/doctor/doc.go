// Package doctor looks at everything that must be right for a publish to pass, from the staging server,
// from the live side, or of both, and says what is wrong, in which line of which file, and what cures
// it. It changes nothing. here has the checks of this machine, run.go those of the way to the other end,
// each in one table.
package doctor
