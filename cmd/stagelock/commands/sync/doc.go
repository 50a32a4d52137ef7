// Package sync has the commands about servers that keep each other's content alike: what shape they
// form, what is on its way, what two people edited at once, and what was decided.
package sync
