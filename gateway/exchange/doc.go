// Package exchange is a gateway's part in keeping several servers alike: it joins the replica, what is
// taken from others and what is sent to them, reads the engine's journal, and answers those who look at
// conflicts and queues and decide.
package exchange
