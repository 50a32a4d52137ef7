// Command stagelock runs the gateway, publishes through it, and looks into what it wrote down. Each
// command has a file of its own; stagelock help lists them.
//
// # Exit codes
//
// The gateway itself: 0 ok, 1 it could not start, 2 forced to quit by a second signal, 3 it did not
// end in order. The other commands: 0 ok, 1 unhealthy or failed, 3 a publish of which nobody knows
// how it ended, 64 wrong usage, 65 bad data, 69 the other side cannot be reached or cannot be
// understood, 73 an output cannot be written, 75 try again later (the line broke, live is away, the same
// archive is being published), 77 denied, 78 the configuration is wrong, 130 and 143 a publish that
// was stopped by Ctrl-C or SIGTERM.
package main
