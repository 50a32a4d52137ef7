package conf

import (
	"errors"
	"strconv"
)

// Site is the group id of a site, or AnySite.
type Site int64

// AnySite stands for every site and is written any.
const AnySite Site = -1

// String returns the id, or any.
func (s Site) String() string {
	if s == AnySite {
		return "any"
	}
	return strconv.FormatInt(int64(s), 10)
}

// UnmarshalText reads an id, or any.
func (s *Site) UnmarshalText(text []byte) error {
	if string(text) == "any" {
		*s = AnySite
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 63)
	if err != nil || n == 0 {
		return errors.New("is neither the group id of a site nor the word any")
	}
	*s = Site(n)
	return nil
}
