// Package errands keeps the errands between a gateway and a server that speaks in tasks: which objects that server
// handed in, and which were carried to it. It stands in the place of the journal that such a server does not
// keep. Journal is the contract; Book keeps it in a database, in SQL that SQLite and PostgreSQL share.
// Implementations pass errandstest.
package errands
