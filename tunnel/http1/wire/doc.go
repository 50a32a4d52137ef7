// Package wire is what lies below HTTP: connections under their wrappers, buffers that are lent, deadlines,
// and what only the kernel knows of a socket.
package wire
