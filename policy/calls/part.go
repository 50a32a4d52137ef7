package calls

import (
	"strconv"
	"strings"
)

// partNameMax is the greatest length of a part's name in bytes.
const partNameMax = 200

// assembled begins the names under which the engine keeps joined archives in the same folder.
const assembled = "assembled_"

// partWidth returns how many digits end the name of a part, and whether it is a name that a part
// may have: 1 to 200 of A-Z a-z 0-9 . _ -, the last two or more of them digits, not beginning with
// assembled_ in any case, as some databases compare names without case.
func partWidth(name string) (int, bool) {
	if len(name) > partNameMax || begins(name, assembled) {
		return 0, false
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			return 0, false
		}
	}
	width := digitsAtEnd(name)
	return width, width >= 2
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
	name, _ := j.call.Args[1].(string)
	if _, ok := partWidth(name); !ok {
		return refuse(PartName, "the part name "+quote(name)+" is not one that staging writes; publish with the CMS or with"+
			" stagelock publish", "request %s, name %s", j.requestID(), quote(name))
	}
	if size := j.call.PartSize; size < 0 || size > j.peer.PartMax {
		return refuse(PartSize, "the part is larger than the "+sizeText(j.peer.PartMax)+" that this gateway takes; lower"+
			" staging.remote.transfer.buffer.size on the staging server", "request %s, part of %d bytes, limit %d",
			j.requestID(), size, j.peer.PartMax)
	}
	return nil
}

// partFits holds the part against those before it. One that is sent again replaces the first of its
// name.
func partFits(j *judgement) *Refusal {
	name, _ := j.call.Args[1].(string)
	if j.call.PartSize > j.archiveMax() {
		return j.archiveTooLarge()
	}
	if j.request.Parts == nil {
		return nil
	}
	width, left := digitsAtEnd(name), j.archiveMax()-j.call.PartSize
	for other, size := range j.request.Parts {
		if other == name {
			continue
		}
		if w := digitsAtEnd(other); w != width {
			return refuse(PartWidth, "the number of the part "+quote(name)+" has "+strconv.Itoa(width)+" digits where the"+
				" parts before it have "+strconv.Itoa(w)+", so they would be joined in a wrong order; publish again from the"+
				" start", "request %s, name %s after %s", j.requestID(), quote(name), quote(other))
		}
		if size > left {
			return j.archiveTooLarge()
		}
		left -= max(size, 0)
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

func (j *judgement) archiveTooLarge() *Refusal {
	return refuse(ArchiveSize, "the archive is larger than the "+sizeText(j.peer.ArchiveMax)+" that this gateway takes; publish"+
		" fewer items at a time", "request %s, part of %d bytes, limit %d", j.requestID(), j.call.PartSize, j.peer.ArchiveMax)
}

// sizeText writes a size in whole mebibytes where it is one.
func sizeText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
