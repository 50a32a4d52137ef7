// Package author is what an editor does to the sites of an engine: items are added, updated and deleted,
// each change with a new version and a line of the journal that exports are made from.
package author
