// Package certs gives the gateway its certificates: from files, from an ACME server, or from a
// small CA of its own that is made on first start. ACME and renewal are certmagic's; it and its
// logger stay in this package.
package certs
