// Command gen reads the recorded streams below testdata and writes classes.json: every class descriptor in them, with the
// builds that wrote it. It is run by go generate.
package main
