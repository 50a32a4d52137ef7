// Command growth shows what grows with what is kept, as `make growth` runs it: the list of hosts, requests, the
// parts of one request, and the audit log, each at sizes ten times apart, with the time of what is done with them and
// the memory that they take. What rests on the wire is measured by the bench: its scenes idle/100 to idle/10000.
package main
