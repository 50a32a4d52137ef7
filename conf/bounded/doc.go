// Package bounded reads small files that somebody named: never more of them than a bound, and never for ever.
package bounded
