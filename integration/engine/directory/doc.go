// Package directory reads users from what other systems export: LDIF and CSV.
package directory
