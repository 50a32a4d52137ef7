// Package alike has the tests of several servers that keep each other's content alike: real gateways,
// each before a reference engine.
package alike
