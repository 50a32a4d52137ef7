// Package refusal says which rule an archive broke, where, and what to do about it.
package refusal
