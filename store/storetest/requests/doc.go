// Package requests holds the conformance suite of store.Requests.
package requests
