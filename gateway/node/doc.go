// Package node builds a gateway from its configuration and runs it: stores, audit log,
// certificates, listeners, the policy, and its reload and drain. It is the composition root: what
// it wires knows nothing of configuration files.
package node
