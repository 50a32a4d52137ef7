// Package kentico has the tests of gateways before Kentico servers: real gateways and, in the place of the
// vendor's servers, twins that follow the rules of their staging service as they are known.
package kentico
