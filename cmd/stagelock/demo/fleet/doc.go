// Package fleet is the demonstration of several gateways before one live environment: two gateways in
// processes of their own behind HAProxy, a PostgreSQL server, and two nodes of a reference engine. One
// gateway is killed in the middle of a part, the database stops for a while, and both gateways are restarted
// under load.
package fleet
