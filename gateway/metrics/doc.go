// Package metrics counts what a gateway does, for Prometheus. What happens is told to it by the
// rooms, call by call; what is the case it asks for when it is scraped. Labels are bounded: peers,
// nodes and settings stand in the configuration, methods, verdicts and reasons in the policy. A
// login, an address, a site or a staging request is never one.
package metrics
