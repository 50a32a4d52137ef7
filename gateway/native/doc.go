// Package native serves HTTP/2: one server for all its connections, each request of which is a visit
// like any other. The tunnel is not to be had here, as its peers speak HTTP/1.1; what gateways say
// to each other will be.
package native
