// Package audittest makes audit logs for the tests of other packages, whole ones and edited ones.
package audittest
