// Package suggest finds what somebody meant who wrote something near to it.
package suggest

import "strings"

// DidYouMean offers the choice nearest to word, or all of them if none is near.
func DidYouMean(word string, choices []string) string {
	cure, _ := Nearest(word, choices)
	return cure
}

// Nearest is DidYouMean, and whether one is near.
func Nearest(word string, choices []string) (cure string, near bool) {
	best, least := "", len(word)/3+2
	for _, c := range choices {
		if d := Distance(strings.ToLower(word), strings.ToLower(c)); d < least {
			best, least = c, d
		}
	}
	if best == "" {
		return "known here: " + strings.Join(choices, ", "), false
	}
	return "did you mean " + best + "?", true
}

// longestWord bounds the work for a word that is no key at all.
const longestWord = 64

// Distance counts the letters to insert, drop, replace or swap with their neighbour to make b out
// of a.
func Distance(a, b string) int {
	if len(a) > longestWord || len(b) > longestWord {
		return longestWord
	}
	var rows [3][longestWord + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
