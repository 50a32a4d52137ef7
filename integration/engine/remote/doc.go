// Package remote is the staging side of remote live staging: it connects a site or an asset library
// to the live one, publishes to it over the tunnel now or by schedule, and disconnects it. The rules
// and their order are those of the documentation; every check of the remote site is a real call.
package remote
