// Package graph is what a stream of serialized Java objects says: values with their classes, the shapes that may
// stand in a place, and the one form in which Java's writer writes them.
package graph
