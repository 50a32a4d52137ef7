// Command gen reads the recorded streams below testdata and writes classes.json, every class
// descriptor in them with the builds that wrote it, and texts.txt, the names of methods, parameter
// types and map keys that the requests of several builds have in common. It is run by go generate.
package main
