// Package outbox brings changes to other servers: one queue, one goroutine and one connection for each
// target, so that one that is away delays nobody. What failed is tried again, waits for something else,
// waits for an operator, or has failed for good, as the target says.
package outbox
