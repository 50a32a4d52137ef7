// Package hosts decides by address: who may connect (Set), and which address stands behind a
// trusted proxy (Proxies).
//
// Both read lists that operators wrote, often ones that a Liferay server read before. Where Java
// reads an entry differently than it looks (010.0.0.1 is 10.0.0.1 to Java, 1.2.3 is 1.2.0.3), or an
// entry would admit more than its author saw, the entry is refused with a cure.
//
// An IPv4-mapped address is the IPv4 address that it carries, on both sides of every comparison.
// Nothing else is translated: 6to4, NAT64 and IPv4-compatible addresses are IPv6 addresses. An
// address with a zone matches only the entry that names the same address and the same zone;
// prefixes have no zones. Host names are not looked up. The zero Set admits nobody, and the zero
// Proxies trusts nobody.
package hosts
