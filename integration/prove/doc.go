// Command prove shows the gateway's promises with their numbers, as `make prove` runs it: each proof is one or
// more tests of this tree, and of what they tried it prints one line, whose last number must be 0. With
// PROVE=long in the environment the full counts are tried. What a proof needs and this machine has not is named. Rows of the
// list that are named as arguments, or proofs by their names, are the only ones that are tried.
package main
