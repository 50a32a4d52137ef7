// Package far keeps what neighbours say of servers that are none.
package far
