// Package refusal has the rules that a Kentico staging call can break, and the one error that says which.
package refusal
