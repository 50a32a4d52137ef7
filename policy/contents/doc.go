// Package contents decides which types of content a peer may publish, by what an archive
// holds by its manifest and by the names of its entries. It is pure: both are handed in.
//
// A type is a name for the applications and the models of one kind of content, the same in every
// version line; an application or a model that no name stands for is a type of its own, called by its
// id or its class. What is not allowed is refused, and so is all that nobody here has heard of.
package contents
