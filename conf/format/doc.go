// Package format reads Liferay's .properties, .config and .cfg files as the readers of the portal do, one
// version line unlike another, and notes where those lose or pass over something without a word. It knows
// no setting; whoever reads says which keys matter.
package format
