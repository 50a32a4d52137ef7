// Package revisions keeps the versions of the pages of a staged site. A page set has variations, each
// with every page as it is to be there; in a variation a page may have variations of its own, its
// branches, and each of those a row of revisions. Of all the revisions that a page has in a variation
// at most one is marked as ready for publication, and only that one is published.
package revisions
