package archivetest

import (
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/stagelock/stagelock/archive"
	"github.com/stagelock/stagelock/archive/manifest"
)

// Options say what Generate makes. Equal options make equal bytes.
type Options struct {
	Bytes   int64  // content in all, the archive is a little longer
	Entries int    // documents over which Bytes are spread, at least one
	Seed    uint64 // of the content
	Site    int64  // source group, 20143 if zero
	Build   int    // build number, 7413 if zero: from 7.0 on it is not compared
}

// generated is the time that everything in a generated archive carries.
var generated = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

const model = "com.liferay.portal.kernel.repository.model.FileEntry"

// Generate writes a site archive of documents to w: a record and a binary for each, then the
// manifest. Binaries do not compress.
func Generate(w io.Writer, opt Options) error {
	opt = opt.defaults()
	aw := archive.NewWriter(w)
	content := rand.NewChaCha8(seed(opt.Seed))
	for i := range opt.Entries {
		if err := document(aw, opt, i, content); err != nil {
			return err
		}
	}
	if err := aw.Put(manifest.Name, generated, manifestOf(opt)); err != nil {
		return err
	}
	return aw.Close()
}

func (o Options) defaults() Options {
	o.Entries = max(1, o.Entries)
	if o.Site == 0 {
		o.Site = 20143
	}
	if o.Build == 0 {
		o.Build = 7413
	}
	return o
}

func seed(n uint64) (s [32]byte) {
	for i := range 8 {
		s[i] = byte(n >> (8 * i))
	}
	return s
}

// size spreads the bytes evenly; the last document takes the rest.
func (o Options) size(i int) int64 {
	each := o.Bytes / int64(o.Entries)
	if i == o.Entries-1 {
		return o.Bytes - each*int64(i)
	}
	return each
}

func (o Options) path(i int) string { return fmt.Sprintf("group/%d/%s/%d", o.Site, model, 30001+i) }

func document(aw *archive.Writer, opt Options, i int, content io.Reader) error {
	record := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<FileEntry><fileEntryId>%d</fileEntryId><groupId>%d</groupId><title>Document %d</title></FileEntry>
`, 30001+i, opt.Site, i)
	if err := aw.Put(opt.path(i)+".xml", generated, []byte(record)); err != nil {
		return err
	}
	data := make([]byte, opt.size(i))
	if _, err := io.ReadFull(content, data); err != nil {
		return err
	}
	return aw.PutStored(opt.path(i)+"/1.0", generated, data)
}

func manifestOf(opt Options) []byte {
	b := fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>

<root>
	<header available-locales="en_US,hu_HU" build-number="%d" schema-version="4.0.0" export-date="%s" `+
		`company-id="20097" company-group-id="20121" group-id="%d" private-layout="false" type="layout-set"/>
	<missing-references/>
	<site-portlets>
		<portlet portlet-id="com_liferay_document_library_web_portlet_DLAdminPortlet" layout-id="0" `+
		`schema-version="4.0.0"/>
	</site-portlets>
	<FileEntry>
`, opt.Build, generated.Format(time.RFC1123Z), opt.Site)
	for i := range opt.Entries {
		b = fmt.Appendf(b, "\t\t<staged-model path=\"/%s.xml\" uuid=\"00000000-0000-4000-8000-%012d\"/>\n", opt.path(i), i)
	}
	return fmt.Appendf(b, `	</FileEntry>
	<manifest-summary>
		<staged-model manifest-summary-key="%s" addition-count="%d" deletion-count="0"/>
	</manifest-summary>
</root>
`, model, opt.Entries)
}
