// Package topology looks at the graph that synchronized servers form: what shape it has, which pairs
// have two paths between them, who reaches nobody, and what one change costs. It also holds the names
// that people typed into a Kentico installation against each other. It is pure.
package topology
