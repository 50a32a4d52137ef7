// Package engine has the commands that run the reference engine and that tell a running one what to
// do: its sites, their content and staging, its users.
package engine
