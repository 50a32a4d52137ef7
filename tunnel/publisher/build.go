package publisher

import (
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

// anyArchive are limits that hold nothing back: an archive was checked by whoever publishes it.
func anyArchive() archive.Limits {
	lim := archive.DefaultLimits()
	lim.Entries, lim.Total, lim.Entry, lim.Ratio = math.MaxInt32, math.MaxInt64, math.MaxInt64, math.MaxInt32
	return lim
}

// headerOf returns what the archive says of itself. What is no archive is live's to refuse.
func headerOf(r io.ReaderAt, size int64) (manifest.Header, bool) {
	a, err := archive.Open(r, size, anyArchive())
	if err != nil {
		return manifest.Header{}, false
	}
	m, err := manifest.Of(a)
	if err != nil {
		return manifest.Header{}, false
	}
	return m.Header, true
}

// lineOf returns the version line of a recorded build: 7.4 of 7.4.3.112.
func lineOf(build string) string {
	parts := strings.SplitN(build, ".", 3)
	return strings.Join(parts[:min(2, len(parts))], ".")
}

// lineOfNumber returns the version line of the number in a manifest: 6.2 of 6204; nothing if it is
// none.
func lineOfNumber(n int) string {
	if n < 1000 || n > 9999 {
		return ""
	}
	return strconv.Itoa(n/1000) + "." + strconv.Itoa(n/100%10)
}

// fits refuses an archive of which it can be known that live would refuse it once it had it.
func (c *Client) fits(h manifest.Header) *failure.Failure {
	if h.RootPortletID != "" && c.cfg.Map {
		return &failure.Failure{Kind: failure.Mismatch, Unexecuted: true,
			Msg: "the archive holds the data of one application, " + h.RootPortletID +
				", which this version line publishes with pages only",
			Cure: "export the pages with that application's data"}
	}
	if of, live := lineOfNumber(h.BuildNumber), lineOf(c.build); of != "" && of != live && !c.cfg.AnyBuild {
		cure := "export it again on a server of live's version"
		if _, err := liferay.BuildOf(of); err == nil {
			cure += "; if live is of another line, name it with --line " + of
		}
		return &failure.Failure{Kind: failure.Mismatch, Unexecuted: true,
			Msg:  "the archive is of " + of + " (build " + strconv.Itoa(h.BuildNumber) + "), live is " + live,
			Cure: cure + "; --any-build sends it all the same"}
	}
	return nil
}
