// Package settings makes one value of a struct type out of what an operator wrote in several
// places. It knows nothing of what the settings are for.
//
// The struct's tags are the one place where a setting is described:
//
//	yaml:"name"          its name; a field without one is no setting
//	doc:"..."            what it is for
//	default:"a,b"        what stands where nobody wrote anything; commas between entries of a list
//	min:"1s" max:"1m"    bounds, in the form of the type
//	oneof:"a b"          the texts it may have, in any case
//	example:"x"          what the reference shows; for a section key=value
//	restart:"true"       it is read at start only
//	was:"path"           where it once stood; whoever writes it there is told the new place
//	cure:"..."           what to do about a value that cannot be
//	empty:"unset"        an empty text says nothing
//
// A field is a leaf (a type of package scalar, a basic one, or one with UnmarshalText), a list of
// leaves, a section (a struct) or a list of sections. A Secret has a setting "file" beside it.
//
// A Schema reads the tags. A Loader has layers, of rising precedence, of what was written: leaves by
// path, each with its Origin; Decode fills the struct from them. What is wrong is collected as
// Problems with file, line and cure, never returned early and never repeating the text that is wrong:
// it may be a secret that slipped into the wrong place. Nothing here is safe for concurrent use but a
// Schema.
package settings
