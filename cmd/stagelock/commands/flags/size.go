package flags

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// sizeUnits are the endings of a size.
var sizeUnits = []struct {
	name  string
	bytes int64
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"", 1}}

// ParseSize reads a length of a part such as 10485760, 10MiB or 5MB.
func ParseSize(s string) (int64, error) {
	n, ok := amount(s)
	if !ok || n > 1<<31-1 {
		return 0, fmt.Errorf("%q is not a size between 1 and 2 GiB, such as 10MiB", s)
	}
	return n, nil
}

// ParseAmount reads an amount of data such as 10GiB, of any size.
func ParseAmount(s string) (int64, error) {
	n, ok := amount(s)
	if !ok {
		return 0, fmt.Errorf("%q is not an amount of data, such as 10GiB", s)
	}
	return n, nil
}

func amount(s string) (int64, bool) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/u.bytes {
			break
		}
		return n * u.bytes, true
	}
	return 0, false
}
