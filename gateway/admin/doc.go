// Package admin is how a gateway tells how it is.
package admin
