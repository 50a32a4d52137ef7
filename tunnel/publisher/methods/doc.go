// Package methods is the list of staging calls that a publisher makes: which build has which, what it returns,
// and whether it may be carried out twice.
package methods
