// Package quota decides how many and how fast: connections, calls of an address before its secret
// was seen, calls of a peer after it. It has no clock: each decision is given the time.
//
// # The way of one call
//
//	release, err := l.Connect(addr)  // at accept; release when the connection ends
//	err = l.Allow(addr, now)         // for each call, before its secret is looked at
//	l.Fail(addr, now)                // the secret was wrong: costs FailureCost on top
//	l.Pass(addr, now)                // the secret was right: gives back what Allow took
//	wait := l.Delay(peer, now)       // and the peer waits, if it is too fast
//
// So a stranger's calls are counted against its address and refused, a wrong secret more than a
// call without one, and a peer that proves itself is slowed down under its own name and never
// refused: publishing 30,000 selected pages is 30,000 calls.
//
// An address is a single IPv4 address or the /64 of an IPv6 address.
//
// # Bounded memory that cannot be washed out
//
// At most Tracked addresses have a bucket of their own. A bucket is forgotten only once it is full
// again, when forgetting it changes nothing; so nobody gets rid of a debt by sending from many
// other addresses. If there is no such bucket among the few that were not used for longest,
// newcomers share one of 256 common buckets, chosen by their network (IPv4 /16, IPv6 /32). So a flood
// from many addresses can slow newcomers of its own networks, and of the few whose networks fall
// into the same bucket; it does not touch an address whose bucket is in use.
package quota
