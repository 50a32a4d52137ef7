package calls

import (
	"strconv"
	"strings"
)

// partNameMax is the greatest length of a part's name in bytes.
const partNameMax = 200

// assembled begins the names under which the engine keeps joined archives in the same folder.
const assembled = "assembled_"

// WidthOf returns how many digits the name of a part ends in.
func WidthOf(name string) int { return digitsAtEnd(name) }

// isPartName reports whether a part may have that name: 1 to 200 of A-Z a-z 0-9 . _ -, the last two
// or more of them digits, not beginning with assembled_ in any case, as some databases compare names
// without case.
func isPartName(name string) bool {
	if len(name) > partNameMax || begins(name, assembled) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return digitsAtEnd(name) >= 2
}

func digitsAtEnd(name string) int {
	n := 0
	for n < len(name) && isDigit(name[len(name)-1-n]) {
		n++
	}
	return n
}

func begins(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// partForm checks the part alone: its name and its size.
func partForm(j *judgement) *Refusal {
	name := j.facts.Part
	if !isPartName(name) {
		return refuse(PartName, "the part name "+quote(name)+" is not one that staging writes",
			"request %s, name %s", j.requestID(), quote(name))
	}
	if size := j.facts.PartSize; size < 0 || size > j.peer.PartMax {
		return refuse(PartSize, "the part is larger than the "+sizeText(j.peer.PartMax)+" that this gateway takes",
			"request %s, part of %d bytes, limit %d",
			j.requestID(), size, j.peer.PartMax)
	}
	return nil
}

// partFits holds the part against those beside it.
func partFits(j *judgement) *Refusal {
	name, others := j.facts.Part, j.known.Request.Others
	if j.facts.PartSize > j.archiveMax() || others.Bytes > j.archiveMax()-j.facts.PartSize {
		return refuse(ArchiveSize, "the archive is larger than the "+sizeText(j.peer.ArchiveMax)+" that this gateway takes",
			"request %s, part of %d bytes beside %d, limit %d", j.requestID(), j.facts.PartSize, others.Bytes, j.peer.ArchiveMax)
	}
	width := j.facts.PartWidth
	if others.Width == 0 || others.Width == width {
		return nil
	}
	return refuse(PartWidth, "the number of the part "+quote(name)+" has "+strconv.Itoa(width)+" digits where the parts"+
		" before it have "+strconv.Itoa(others.Width)+", so they would be joined in a wrong order",
		"request %s, name %s after names of %d digits", j.requestID(), quote(name), others.Width)
}

// archiveFits holds the parts that were accepted against the bound: several gateways may each have taken
// one that was the last that fits.
func archiveFits(j *judgement) *Refusal {
	if all := j.known.Request.Others.Bytes; all > j.archiveMax() {
		return refuse(ArchiveSize, "the archive is larger than the "+sizeText(j.peer.ArchiveMax)+" that this gateway takes",
			"request %s, parts of %d bytes, limit %d", j.requestID(), all, j.peer.ArchiveMax)
	}
	return nil
}

// archiveMax is the peer's bound, or one that no archive reaches.
func (j *judgement) archiveMax() int64 {
	if j.peer.ArchiveMax == 0 {
		return 1<<63 - 1
	}
	return j.peer.ArchiveMax
}

// sizeText writes a size in whole mebibytes where it is one.
func sizeText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
