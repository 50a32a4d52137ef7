// Package staging is what a live environment does for the staging environments that publish to it:
// it answers their look-ups, counts who is attached, keeps the parts of their requests and hands the
// whole archive to package lar.
//
// It has the weaknesses of the original where a gateway is to be tested against them: a counter is
// not idempotent, and an import goes to the site that the settings name.
package staging
