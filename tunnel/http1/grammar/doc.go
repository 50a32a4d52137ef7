// Package grammar is what requests and replies have in common as bytes: which byte may stand where, the end of
// a head, a plain number, and fields that are one field for every reader.
package grammar
