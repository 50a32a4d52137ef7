// Package exchange keeps what a gateway knows of servers that keep each other's content alike: the
// changes that it accepted and what they made of each object, what is on its way into the engine, which
// change is to be delivered to whom, and which waits for a person. Changes, Deliveries and Approvals are the
// contracts; Book keeps them in a database, in SQL that SQLite and PostgreSQL share. Implementations pass
// exchangetest.
package exchange
