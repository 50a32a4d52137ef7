// Package tasks takes Kentico's staging calls through one visible list of steps: what passes is written
// anew for the server that it is for, sent once, and answered as that server answers. Visits, audit and
// the engine's nodes are those of the tunnel; the words of the wire are tunnel/syncserver's.
//
// A gateway has one Kentico behind it and others before it. A link is one direction between two of them:
// under the path of the gateway's own Kentico others hand their tasks in, and under a path for each
// other one the own Kentico hands in what is for that.
package tasks
