// Package blind gives the bodies of fuzz targets inputs that are changed at random, many at once and in the process. It does not
// look at what they cover, as Go's own engine does: it is 10 to 100 times as fast, and finds what lies near the inputs that are
// kept. Only tests import it.
package blind
