// Package place says which names may be given to files on a staging server: names and paths that stay
// where they are on every system, extensions that no server runs, and bytes that are what the extension
// says. Only tunnel/syncserver uses it.
package place
