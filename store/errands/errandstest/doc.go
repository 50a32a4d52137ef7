// Package errandstest is what every store of errands has to pass: a conformance suite.
package errandstest
