// Package answer writes what a publisher gets of one call: a value or an exception as Java's client reads
// them, signs of life while it waits, or a status and a text. It decides nothing.
package answer
