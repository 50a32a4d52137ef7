// Package postgrestest runs a PostgreSQL server, and a pooler before it, in a temporary folder: on
// Unix sockets, so that no port is taken, and as an unprivileged user, as the server demands. Tests
// and demonstrations use it.
package postgrestest
