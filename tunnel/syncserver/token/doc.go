// Package token has the WS-Security user name token of Kentico's staging call: who sends, proved by a
// digest of a secret, a nonce and a time. It does not cover the body of the call.
package token
