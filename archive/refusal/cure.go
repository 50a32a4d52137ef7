package refusal

// Repack is how an archive gets the accepted form.
const Repack = "write it anew: stagelock archive repack FILE --out NEW.lar"

// cures say what helps against a refusal whose own words have no better advice.
var cures = map[Code]string{
	CodeEnd:        "copy or export it again, and compare the lengths",
	CodeComment:    Repack,
	CodeZIP64:      Repack,
	CodeDirectory:  "export it again, or " + Repack,
	CodeCentral:    Repack,
	CodeLocal:      "its two lists of entries contradict each other: export it again, or, if you know who packed it, " + Repack,
	CodePrefix:     Repack,
	CodeGap:        Repack,
	CodeOverlap:    "export it again: no exporter and no packer writes this",
	CodeDescriptor: "bsdtar and tools that write to pipes do this; " + Repack,
	CodeVersion:    "pack it with the Deflate method: zip -r, or 7z a -tzip -mm=Deflate",
	CodeMethod:     "pack it with the Deflate method: zip -r, or 7z a -tzip -mm=Deflate",
	CodeFlags:      "pack it again without a password and without other extras: zip -r",
	CodeExtra:      Repack,
	CodeMode:       "pack files, not links to them: zip -r without -y",
	CodeName: "name the file as the portal does; packers on a Mac write names in another form, and some on " +
		"Windows write backslashes: " + Repack,
	CodePath:      "pack the files without a folder in front, from within their folder; bsdtar writes ./ in front: " + Repack,
	CodeDuplicate: "keep one of the two; deleting and packing again leaves one: zip -d",
	CodeEntries:   "raise --max-entries if you trust it",
	CodeEntrySize: "raise --max-size if you trust it",
	CodeTotalSize: "raise --max-size if you trust it",
	CodeRatio:     "raise --max-ratio if you trust it",
	CodeSize:      "it was damaged on its way: copy or export it again",
	CodeCRC:       "it was damaged on its way: copy or export it again",
	CodeData:      "it was damaged on its way: copy or export it again",
	CodeManifest:  "export it from the portal: Export, then the .lar file",
	CodeXML:       "export it again; if manifest.xml was edited by hand, look at that place, and save it as UTF-8",
	CodeXMLLimit:  "export less at a time",
	CodeParts:     "name all parts, from the first to the last",
	CodeDigest:    "one part is damaged or of another archive: get the parts again",
}

// Cure says what to do, in one line; it is never empty for a code of this package.
func (r *Refusal) Cure() string {
	if r.cure != "" {
		return r.cure
	}
	return cures[r.Code]
}

// Heal says what to do against this very refusal.
func (r *Refusal) Heal(cure string) *Refusal {
	r.cure = cure
	return r
}
