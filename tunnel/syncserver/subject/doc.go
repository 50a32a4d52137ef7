// Package subject says what a task of Kentico's staging is about, in the words of sync: which object, what becomes of it,
// what must be there first, and when it was edited. A task of which that cannot be said is refused.
package subject
