// Package archivetest makes legal archives for the tests of other packages.
package archivetest
