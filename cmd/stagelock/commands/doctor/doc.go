// Package doctor has the command that looks at everything a publish needs.
package doctor
