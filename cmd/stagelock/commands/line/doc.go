// Package line carries out a command line that is made of the parts of urfave/cli: it finds the command, reads its
// flags, prints help and completes, byte for byte as App.RunContext does. That one prints help by text/template, which
// looks methods up by name: linked into a program, it keeps all methods of all types there, 3 MB of a release.
// A test holds both against each other.
package line
