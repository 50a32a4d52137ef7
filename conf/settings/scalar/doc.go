// Package scalar has the types of settings that are written as one text, their parsers, and the form in
// which they are shown. What a parser says about a bad text never repeats it.
package scalar
