// Package postgres keeps the contracts of store in a PostgreSQL database of version 15 or later, for
// several gateways. It works through a pooler in transaction mode: no session state, no advisory
// locks, no notifications, and every name is written with its schema.
package postgres
