// Package doctor looks at everything that must be right for a publish to pass, from the staging server,
// from the live side, or of both, and says what is wrong, in which line of which file, and what cures
// it. It changes nothing. run.go has the checks in one table.
package doctor
