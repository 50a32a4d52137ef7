// Package desk answers a doctor's questions on the listener of the publishers, so that they take the
// publishers' way through firewalls and balancers: who am I to you, do we have the same secret, does
// this much get through, how long may an answer be silent, and what do you see of me. Nothing here
// touches the engine, and only addresses that may call at all are answered.
package desk
