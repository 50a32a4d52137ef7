package origin

import (
	"strconv"
	"strings"
)

// Join returns the path of a key in the section at path.
func Join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// Entry returns the path of an entry of the list at path.
func Entry(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// Parent cuts the last key or index off a path.
func Parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
