// Package address reads how hosts, ports, paths and endpoints are written in a configuration, and says what is
// wrong with them. It is pure and resolves no name.
package address
