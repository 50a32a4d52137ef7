// Package balancers holds configurations of nginx, HAProxy and Apache httpd that are tested in front of
// a gateway, with the real programs: a whole publish with a long import, the probes that each makes of
// the gateway's health, and what goes wrong without a line. README.md is the page for operators.
package balancers
