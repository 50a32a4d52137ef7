// Package journal is the engine as a source of changes: what its authors wrote, one row an edit, and
// the way in for what others wrote elsewhere, which is taken only on top of what the writer saw.
//
// An item travels as one line of JSON with everything but its content, and the content behind it. Sites
// are named by their names, as their ids differ between environments.
package journal
