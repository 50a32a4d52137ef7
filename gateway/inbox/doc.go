// Package inbox takes the changes of other servers: it knows who they are by their signatures, holds
// what they send against what each may do, and hands it to the replica.
package inbox
