package reports

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"os"
	"strings"
	"testing"
)

const manifest = `<?xml version="1.0"?><root><header type="layout-set" build-number="7413" schema-version="4.0.0" group-id="20143" ` +
	`private-layout="false" export-date="Wed, 13 Apr 2022 09:01:06 +0000" available-locales="en_US" company-id="1"/><site-portlets/></root>`

// entry is a file in an archive as some tool writes it.
type entry struct {
	name, text     string
	version, flags uint16
	local, central []byte // extra fields
}

// zipped is an archive of these, byte by byte.
func zipped(t *testing.T, entries []entry) []byte {
	t.Helper()
	var out, central bytes.Buffer
	le := binary.LittleEndian
	for _, e := range entries {
		var packed bytes.Buffer
		w, err := flate.NewWriter(&packed, 9)
		if err == nil {
			_, err = w.Write([]byte(e.text))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		sum, offset := crc32.ChecksumIEEE([]byte(e.text)), out.Len()
		common := le.AppendUint16(nil, e.version)
		for _, v := range []uint16{e.flags, 8, 0, 0x5421} {
			common = le.AppendUint16(common, v)
		}
		for _, v := range []uint32{sum, uint32(packed.Len()), uint32(len(e.text))} {
			common = le.AppendUint32(common, v)
		}
		common = le.AppendUint16(common, uint16(len(e.name)))
		out.WriteString("PK\x03\x04")
		out.Write(le.AppendUint16(bytes.Clone(common), uint16(len(e.local))))
		out.WriteString(e.name)
		out.Write(e.local)
		out.Write(packed.Bytes())
		if e.flags&8 != 0 {
			out.WriteString("PK\x07\x08")
			out.Write(common[10:22])
		}
		central.WriteString("PK\x01\x02")
		central.Write(le.AppendUint16(nil, e.version))
		central.Write(le.AppendUint16(common, uint16(len(e.central))))
		central.Write(make([]byte, 6)) // comment, disk, internal attributes
		central.Write(le.AppendUint32(nil, 0o100644<<16))
		central.Write(le.AppendUint32(nil, uint32(offset)))
		central.WriteString(e.name)
		central.Write(e.central)
	}
	end := []byte("PK\x05\x06\x00\x00\x00\x00")
	end = le.AppendUint16(le.AppendUint16(end, uint16(len(entries))), uint16(len(entries)))
	end = le.AppendUint32(le.AppendUint32(end, uint32(central.Len())), uint32(out.Len()))
	out.Write(central.Bytes())
	out.Write(append(end, 0, 0))
	return out.Bytes()
}

// plain are the entries of an archive as the portal writes it.
func plain(text string) []entry {
	return []entry{{name: "group/20143/tags.xml", text: "<root/>", version: 20}, {name: "manifest.xml", text: text, version: 20}}
}

// changed are those of plain with the manifest's entry, and perhaps the other one, changed.
func changed(both bool, change func(*entry)) []entry {
	all := plain(manifest)
	change(&all[1])
	if both {
		change(&all[0])
	}
	return all
}

func (d *desk) lar(name string, entries []entry) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), zipped(d.t, entries), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// extra is one extra field.
func extra(id uint16, data string) []byte {
	return append(binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, id), uint16(len(data))), data...)
}

func archives() []report {
	const kind = "archives as people's tools leave them"
	stamp := extra(0x5855, "\x80\x43\x58\x62\x80\x43\x58\x62")
	opened := func(name string, entries []entry) report {
		return report{"30-lar-repacked/" + name, kind, func(_ *testing.T, d *desk) {
			d.lar("site.lar", entries)
			d.expect(0, []string{"build 7413"}, "archive", "inspect", "--no-content", "site.lar")
		}}
	}
	extras := func(id uint16, data string) func(*entry) {
		return func(e *entry) { e.local, e.central = extra(id, data), extra(id, data) }
	}
	return []report{
		opened("plain", plain(manifest)),
		opened("p7zip-host-byte", changed(false, func(e *entry) { e.version = 20 | 3<<8 })),
		opened("host-byte-macos", changed(true, func(e *entry) { e.version = 20 | 19<<8 })),
		opened("version-10", changed(true, func(e *entry) { e.version = 10 })),
		opened("macos-5855", changed(true, func(e *entry) { e.local, e.central = stamp, stamp })),
		opened("macos-timestamps", changed(true, extras(0x5455, "\x03\x80\x43\x58\x62\x80\x43\x58\x62"))),
		opened("macos-ids", changed(true, extras(0x7875, "\x01\x04\xf5\x01\x00\x00\x04\x14\x00\x00\x00"))),
		opened("jar-cafe", func() []entry {
			all := plain(manifest)
			all[0].local, all[0].central = extra(0xcafe, ""), extra(0xcafe, "")
			return all
		}()),
		opened("descriptor-and-sizes", changed(false, func(e *entry) { e.flags = 8 })),
		opened("ntfs-times", changed(true, func(e *entry) {
			e.central = extra(0x000a, "\x00\x00\x00\x00\x01\x00\x18\x00"+strings.Repeat("\x01", 24))
		})),
		{"30-lar-repacked/in-a-folder", kind, func(_ *testing.T, d *desk) {
			d.lar("site.lar", []entry{{name: "MySite/manifest.xml", text: manifest, version: 20}})
			d.expect(65, []string{"the folder was packed, not what it holds", "stagelock archive repack"}, "archive", "inspect", "site.lar")
			d.expect(0, nil, "archive", "repack", "site.lar", "--out", "new.lar")
			d.expect(0, []string{"build 7413"}, "archive", "inspect", "new.lar")
		}},
		{"30-lar-repacked/edited with p7zip", kind, func(t *testing.T, d *desk) {
			edited(t, d, "7z", "sed -i s/7413/7412/ manifest.xml && 7z u -bd -tzip site.lar manifest.xml >/dev/null")
		}},
		{"30-lar-repacked/edited with zip", kind, func(t *testing.T, d *desk) {
			edited(t, d, "zip", "sed -i s/7413/7412/ manifest.xml && zip -q site.lar manifest.xml")
		}},
		{"30-lar-repacked/edited with jar", kind, func(t *testing.T, d *desk) {
			edited(t, d, "jar", "sed -i s/7413/7412/ manifest.xml && jar ufM site.lar manifest.xml")
		}},
		{"30-lar-repacked/packed with bsdtar", kind, func(t *testing.T, d *desk) {
			edited(t, d, "bsdtar", "sed -i s/7413/7412/ manifest.xml && mkdir x && cd x && bsdtar -xf ../site.lar && cp ../manifest.xml . && rm ../site.lar && bsdtar -cf ../site.lar --format zip *")
		}},
	}
}

// edited changes the manifest of an archive with a tool of the operator's.
func edited(t *testing.T, d *desk, tool, line string) {
	t.Helper()
	requires(t, tool)
	d.lar("site.lar", plain(manifest))
	d.write("manifest.xml", manifest)
	d.shell(line)
	d.expect(0, []string{"build 7412"}, "archive", "inspect", "site.lar")
}

func publishers() []report {
	const kind = "a mismatch that is known before the upload"
	try := []string{"publish", "site.lar", "--to", "https://127.0.0.1:1", "--site", "20143", "--login", "publisher@example.com", "--secret-file", "secret"}
	of := func(name, build, line string, more []string, code int, says ...string) report {
		return report{"33-publish-build-number/" + name, kind, func(_ *testing.T, d *desk) {
			d.write("secret", "0f1e2d3c4b5a6978")
			d.lar("site.lar", plain(strings.Replace(manifest, "7413", build, 1)))
			d.expect(code, says, append(append(append([]string{}, try...), "--line", line), more...)...)
		}}
	}
	const nothing = "nothing was sent"
	return []report{
		of("6.2 to 7.4", "6204", "7.4", nil, 65, "the archive is of 6.2 (build 6204), live is 7.4", nothing, "--any-build"),
		of("7.4 to 6.2", "7413", "6.2", nil, 65, "the archive is of 7.4", nothing),
		of("7.0 to 7.3", "7010", "7.3", nil, 65, "the archive is of 7.0", nothing),
		of("unknown build", "5203", "7.4", nil, 65, "5203", nothing),
		of("all the same", "6204", "7.4", []string{"--any-build"}, 69, "nothing listens at 127.0.0.1:1"),
		of("of the line", "7413", "7.4", nil, 69, "nothing listens at 127.0.0.1:1"),
	}
}
