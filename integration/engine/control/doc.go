// Package control answers the commands of operators and authors to a running engine: JSON over HTTP
// on a listener of its own, with a token that lies in the engine's data folder. Server is the
// engine's end and Client the command line's.
package control
