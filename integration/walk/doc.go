// Package walk goes through README.md as an operator does who has nothing but it: the commands and the
// files are taken from its text, so that text and test cannot differ. Backup.md is gone through in the
// same way.
package walk
