// Package trial holds a call against a configuration without making it: which step would refuse it, by
// which setting, and what cures it.
package trial
