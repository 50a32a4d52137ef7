// Package schema is what may stand where in a staging call and its reply: the classes of the recorded builds,
// field by field, and the shapes that are made of them.
package schema
