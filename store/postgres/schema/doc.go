// Package schema holds the migrations of the PostgreSQL store and applies them.
package schema
