// Package proxy reaches a live environment through an HTTP proxy.
package proxy
