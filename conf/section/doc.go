// Package section has the sections of a configuration: what an operator decides, in the words in which it is
// written. The tags of their fields are what package settings reads; how they are held against each other
// is in conf.
package section
