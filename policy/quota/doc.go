// Package quota decides how many and how fast: connections, calls that fail, by address, and calls of
// a peer that proved itself. It has no clock: each decision is given the time.
//
// # The way of one call
//
//	release, err := l.Connect(addr)  // at accept; release when the connection ends
//	// a header that is known to be genuine is not asked for its address
//	wait := l.Wait(addr, now)        // another one waits, if its address failed too often
//	err = l.Fail(addr, now)          // it was refused: costs FailureCost and one; the error says that this is a flood
//	wait = l.Delay(peer, now)        // it was genuine: the peer waits, if it is too fast
//
// So only what fails is charged to an address, and a call with the right secret is never refused for
// what others do behind the same address: at worst its header waits FailureWait once, then it is
// known. A peer is slowed down under its own name and never refused: publishing 30,000 selected
// pages is 30,000 calls.
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
