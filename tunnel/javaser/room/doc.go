// Package room is what streams are read into, one after the other: values, texts and bytes that are not allocated
// anew for each.
package room
