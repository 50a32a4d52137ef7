// Package readiness asks the nodes of the live engine whether a publish would pass: one read, with
// the engine's own secret, under a login that nobody has. The engine looks at the secret first and
// then for the login, so it answers by whom it was convinced and does nothing; Liferay 6.2 to 7.4 and
// the reference engine alike. A probe of health costs nothing: it reads what was found last.
package readiness
