package syncserver_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stagelock/stagelock/tunnel/syncserver"
	"github.com/stagelock/stagelock/tunnel/syncserver/refusal"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

const (
	password = "correct horse battery"
	assembly = "CMS.Synchronization, Version=13.0.13.0, Culture=neutral, PublicKeyToken=834b12a258f213f9"
	classURI = "http://schemas.microsoft.com/clr/nsassem/CMS.Synchronization/CMS.Synchronization%2C%20Version%3D13.0.13.0%2C%20Culture%3Dneutral%2C%20PublicKeyToken%3D834b12a258f213f9"
	wsse     = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu      = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	digestOf = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
	png      = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	page     = "<NewDataSet><CMS_Document><DocumentName>Home &amp; garden</DocumentName></CMS_Document></NewDataSet>"
	media    = "<NewDataSet><Media_File><FileName>logo</FileName><FileExtension>.png</FileExtension><FilePath>brand/logo.png</FilePath></Media_File></NewDataSet>"
	binary   = "<NewDataSet><BinaryData><FileName>logo.png</FileName><FileType>default</FileType><FileBinaryData>" + png + "</FileBinaryData></BinaryData></NewDataSet>"
)

var (
	created = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	nonce   = [16]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	quote   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// peer is a server that may send what every server may.
func peer(t testing.TB) syncserver.Peer {
	t.Helper()
	secret, err := token.NewSecret(password)
	if err != nil {
		t.Fatal(err)
	}
	return syncserver.Peer{
		Name: "dev", User: "staging", Secret: secret, Assembly: assembly, Upstream: "live",
		Tables: map[string][]string{"": {"Custom_Article"}},
	}
}

// message is a call in the parts in which the fixtures differ. It is written here, not by the package.
type message struct {
	header, token   string // of the SOAP header; the children of the token
	beside          string // in the Security header, beside the token
	kind, object    string
	data, binary    string
	servers         string
	fields, objects string // more fields of the task, more objects behind it
	class           string // namespace of the task
	cdata           bool
	prolog          [3]string // before the envelope, the task, the data
	edit            func(string) string
	editInner       func(string) string
}

func update() message {
	return message{
		header: "<a:Action>" + syncserver.Action + "</a:Action>", token: wsToken("nGp3gEtHjCJmiYr8Ciey/T3fOOA="),
		kind: "UpdateDocument", data: page, servers: ";dev;", class: classURI,
	}
}

func file() message {
	m := update()
	m.kind, m.object, m.data, m.binary = "CreateObject", "media.file", media, binary
	return m
}

func wsToken(digest string) string {
	return `<s:Username>staging</s:Username><s:Password Type="` + digestOf + `">` + digest + `</s:Password>` +
		`<s:Nonce>AAECAwQFBgcICQoLDA0ODw==</s:Nonce><u:Created>2026-01-02T03:04:05Z</u:Created>`
}

func back(name, content string) string {
	n := "_x003C_" + name + "_x003E_k__BackingField"
	if content == "" {
		return "<" + n + ` xsi:null="1"/>`
	}
	return "<" + n + ">" + content + "</" + n + ">"
}

func (m message) inner() string {
	guid := ""
	for _, c := range "abcdefghijk" {
		guid += "<_" + string(c) + ">1</_" + string(c) + ">"
	}
	s := m.prolog[1] + `<E:Envelope xmlns:E="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:C="http://schemas.xmlsoap.org/soap/encoding/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<E:Body><k:StagingTaskData id="r1" xmlns:k="` + m.class + `">` +
		`<mSystemVersion xsi:null="1"/><mTaskGroups xsi:null="1"/>` + back("TaskType", m.kind) +
		back("TaskObjectType", m.object) + back("TaskData", quote.Replace(m.prolog[2]+m.data)) +
		back("TaskBinaryData", quote.Replace(m.binary)) + back("TaskServers", m.servers) +
		back("UserGuid", guid) + back("UserName", "editor") + m.fields + `</k:StagingTaskData>` + m.objects +
		`</E:Body></E:Envelope>`
	if m.editInner != nil {
		return m.editInner(s)
	}
	return s
}

func (m message) String() string {
	text := quote.Replace(m.inner())
	if m.cdata {
		text = "<![CDATA[" + m.inner() + "]]>"
	}
	s := m.prolog[0] + `<x:Envelope xmlns:x="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:s="` + wsse + `" xmlns:u="` + wsu + `">` +
		`<x:Header>` + m.header + `<a:MessageID>urn:uuid:1</a:MessageID><a:ReplyTo><a:Address>` +
		`http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:Address></a:ReplyTo>` +
		`<a:To>https://live.example.com/CMSPages/Staging/SyncServer.asmx</a:To>` +
		`<s:Security x:mustUnderstand="1">` + m.beside + `<s:UsernameToken u:Id="t">` + m.token +
		`</s:UsernameToken></s:Security></x:Header><x:Body><ProcessSynchronizationTaskData ` +
		`xmlns="http://localhost/SyncWebService/SyncServer"><stagingTaskData>` + text +
		`</stagingTaskData></ProcessSynchronizationTaskData></x:Body></x:Envelope>`
	if m.edit != nil {
		return m.edit(s)
	}
	return s
}

// swap returns an edit that must find what it replaces.
func swap(old, with string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("syncserver_test: nothing to replace: " + old)
		}
		return strings.Replace(s, old, with, 1)
	}
}

// book remembers nonces as the shared store does.
func book() token.First {
	seen := map[[16]byte]bool{}
	return func(n [16]byte) (bool, error) {
		was := seen[n]
		seen[n] = true
		return !was, nil
	}
}

func with(m message, change func(*message)) message {
	change(&m)
	return m
}

// fileAt is the creation of a file whose row has one column more.
func fileAt(column, value string) message {
	return with(file(), func(m *message) {
		m.data = swap("</Media_File>", "<"+column+">"+quote.Replace(value)+"</"+column+"></Media_File>")(m.data)
		if column == "FilePath" {
			m.data = swap("<FilePath>brand/logo.png</FilePath>", "")(m.data)
		}
	})
}

func pageData(data string) message { return with(update(), func(m *message) { m.data = data }) }

func inner(old, new string) message {
	return with(update(), func(m *message) { m.editInner = swap(old, new) })
}

func outer(old, new string) message {
	return with(update(), func(m *message) { m.edit = swap(old, new) })
}

// riff is a .webp file whose bytes say kind.
func riff(kind string) message {
	return with(file(), func(m *message) {
		m.data = strings.ReplaceAll(m.data, ".png", ".webp")
		m.binary = swap("logo.png", "logo.webp")(m.binary)
		m.binary = swap(png, base64.StdEncoding.EncodeToString([]byte("RIFF\x04\x00\x00\x00"+kind)))(m.binary)
	})
}

const dtd = `<!DOCTYPE x [<!ENTITY a "b">]>`

var fixtures = []struct {
	name string
	m    message
	code refusal.Code // empty: forwarded
}{
	{"1 page update", update(), ""},
	{"2 media file", file(), ""},
	{"3 CDATA", with(update(), func(m *message) { m.cdata = true }), ""},
	{"4 unknown user, digest of the empty secret", with(update(), func(m *message) {
		m.token = swap("staging", "nobody")(wsToken(emptyDigest("")))
	}), refusal.Bypass2746},
	{"4 digest of the empty password", with(update(), func(m *message) {
		m.token = wsToken(emptyDigest("2jmj7l5rSw0yVb/vlWAYkK/YBwk="))
	}), refusal.Bypass2746},
	{"5 Username only", with(update(), func(m *message) { m.token = "<s:Username>staging</s:Username>" }), refusal.Bypass2747},
	{"6 Password in a foreign namespace", with(update(), func(m *message) {
		m.token = strings.ReplaceAll(wsToken("nGp3gEtHjCJmiYr8Ciey/T3fOOA="), "s:Password", "u:Password")
	}), refusal.Bypass2747},
	{"7 two Passwords", with(update(), func(m *message) { m.token += "<s:Password>x</s:Password>" }), refusal.Credentials},
	{"8 PasswordText holding K", with(update(), func(m *message) {
		m.token = swap("#PasswordDigest", "#PasswordText")(wsToken("lPf5uG0xz6hHHcLq1NYd4TfPBS8="))
	}), refusal.Credentials},
	{"8 no type", with(update(), func(m *message) {
		m.token = swap(` Type="`+digestOf+`"`, "")(m.token)
	}), refusal.Credentials},
	{"9 another token beside", with(update(), func(m *message) { m.beside = "<s:BinarySecurityToken/>" }), refusal.Credentials},
	{"9 a signature beside", with(update(), func(m *message) {
		m.beside = `<d:Signature xmlns:d="http://www.w3.org/2000/09/xmldsig#"/>`
	}), refusal.Credentials},
	{"9 another token alone", with(update(), func(m *message) {
		m.edit = func(s string) string { return strings.ReplaceAll(s, "s:UsernameToken", "s:BinarySecurityToken") }
	}), refusal.Credentials},
	{"9 two user name tokens", with(update(), func(m *message) { m.beside = "<s:UsernameToken/>" }), refusal.Credentials},
	{"9 two security headers", outer("<x:Header>", "<x:Header><s:Security/>"), refusal.BadEnvelope},
	{"11 no Action", with(update(), func(m *message) { m.header = "" }), refusal.BadEnvelope},
	{"11 another Action", with(update(), func(m *message) { m.header = "<a:Action>urn:x</a:Action>" }), refusal.BadEnvelope},
	{"12 SOAP 1.2", with(update(), func(m *message) {
		m.edit = func(s string) string {
			return strings.ReplaceAll(s, "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope")
		}
	}), refusal.BadEnvelope},
	{"13 another class", with(update(), func(m *message) {
		m.editInner = func(s string) string { return strings.ReplaceAll(s, "k:StagingTaskData", "k:Process") }
	}), refusal.Class10068},
	{"13 another assembly", with(update(), func(m *message) {
		m.class = "http://schemas.microsoft.com/clr/nsassem/System.Diagnostics/System"
	}), refusal.Class10068},
	{"13 another version", with(update(), func(m *message) { m.class = swap("13.0.13.0", "13.0.14.0")(m.class) }), refusal.Class10068},
	{"14 an extra object", with(update(), func(m *message) { m.objects = "<Other id='z'/>" }), refusal.BadTask},
	{"14 groups that nobody refers to", with(update(), func(m *message) {
		m.objects = `<C:Array id="z" C:arrayType="k:TaskGroupInfo[0]" xmlns:k="` + classURI + `"/>`
	}), refusal.BadTask},
	{"14 xsi:type", inner(`<mSystemVersion xsi:null="1"/>`, `<mSystemVersion xsi:type="E:x">1</mSystemVersion>`), refusal.BadTask},
	{"14 href to itself", inner(`<mSystemVersion xsi:null="1"/>`, `<mSystemVersion href="#z" id="z"/>`), refusal.BadTask},
	{"14 href cycle", inner(`<mSystemVersion xsi:null="1"/><mTaskGroups xsi:null="1"/>`,
		`<mSystemVersion id="a" href="#b"/><mTaskGroups id="b" href="#a"/>`), refusal.BadTask},
	{"14 href to the task", inner(`<mSystemVersion xsi:null="1"/>`, `<mSystemVersion href="#r1"/>`), refusal.BadTask},
	{"15 a field twice", with(update(), func(m *message) { m.fields = back("UserName", "administrator") }), refusal.BadTask},
	{"15 a field is missing", inner(back("UserName", "editor"), ""), refusal.BadTask},
	{"15 a field more", with(update(), func(m *message) { m.fields = back("TaskTime", "1") }), refusal.BadTask},
	{"16 parent segment", fileAt("FilePath", "a/../../web.png"), refusal.Path2749},
	{"16 backslash", fileAt("FilePath", `a\..\logo.png`), refusal.Path2749},
	{"16 drive", fileAt("FilePath", "c:/logo.png"), refusal.Path2749},
	{"16 absolute", fileAt("FilePath", "/logo.png"), refusal.Path2749},
	{"17 executable name in BinaryData", with(file(), func(m *message) { m.binary = swap("logo.png", "logo.aspx")(m.binary) }), refusal.Path2749},
	{"17 executable part of a name", with(file(), func(m *message) { m.binary = swap("logo.png", "logo.aspx.png")(m.binary) }), refusal.Path2749},
	{"17 executable extension", with(file(), func(m *message) { m.data = swap(">.png<", ">.aspx<")(m.data) }), refusal.Path2749},
	{"18 a CMS_User row", with(file(), func(m *message) {
		m.data = swap("</NewDataSet>", "<CMS_User><UserName>eve</UserName></CMS_User></NewDataSet>")(m.data)
	}), refusal.TableDenied},
	{"18 climbing LibraryFolder", fileAt("LibraryFolder", "../App_Code"), refusal.Path2749},
	{"19 inline schema", pageData(`<NewDataSet><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/></NewDataSet>`), refusal.BadData},
	{"19 diffgram", pageData(`<d:diffgram xmlns:d="urn:schemas-microsoft-com:xml-diffgram-v1">` + page + `</d:diffgram>`), refusal.BadData},
	{"19 escaped name", pageData("<N><CMS_Document><_x003A_a>1</_x003A_a></CMS_Document></N>"), refusal.BadData},
	{"20 DTD outside", with(update(), func(m *message) { m.prolog[0] = dtd }), refusal.Malformed},
	{"20 DTD in the task", with(update(), func(m *message) { m.prolog[1] = dtd }), refusal.Malformed},
	{"20 DTD in the data", with(update(), func(m *message) { m.prolog[2] = dtd }), refusal.Malformed},
	{"20 depth", pageData(strings.Repeat("<a>", 17) + strings.Repeat("</a>", 17)), refusal.TooLarge},
	{"20 a value", pageData("<N><CMS_Document><A>" + strings.Repeat("a", 4<<20+1) + "</A></CMS_Document></N>"), refusal.TooLarge},
	{"20 a head", outer("<x:Header>", "<x:Header>"+strings.Repeat(" ", 64<<10)), refusal.TooLarge},
	{"21 upstream in TaskServers", with(update(), func(m *message) { m.servers = ";LIVE;dev;" }), refusal.Loop},
	{"21 list without semicolons", with(update(), func(m *message) { m.servers = "dev" }), refusal.BadServers},
	{"21 a server twice", with(update(), func(m *message) { m.servers = ";dev;DEV;" }), refusal.BadServers},
	{"22 a number", with(update(), func(m *message) { m.kind = "10" }), refusal.TaskDenied},
	{"22 Unknown", with(update(), func(m *message) { m.kind = "Unknown" }), refusal.TaskDenied},
	{"22 All", with(update(), func(m *message) { m.kind = "All" }), refusal.TaskDenied},
	{"a deletion", with(update(), func(m *message) { m.kind = "DeleteDocument" }), refusal.TaskDenied},
	{"users", with(update(), func(m *message) { m.kind, m.object = "UpdateObject", "cms.user" }), refusal.TaskDenied},
	{"a table of the engine as a custom one", with(update(), func(m *message) {
		m.kind, m.object, m.data = "UpdateObject", "customtableitem.cms.email", "<N><CMS_Email><A>1</A></CMS_Email></N>"
	}), refusal.TaskDenied},
	{"a custom table", with(update(), func(m *message) {
		m.kind, m.object, m.data = "UpdateObject", "customtableitem.shop.city", "<N><Shop_City><A>1</A></Shop_City></N>"
	}), ""},
	{"a page type that the peer was given", pageData("<N><custom_article><A/></custom_article></N>"), ""},
	{"a program as a picture", with(file(), func(m *message) {
		m.binary = swap(png, base64.StdEncoding.EncodeToString([]byte("MZ\x90\x00")))(m.binary)
	}), refusal.BadFile},
	{"bytes with a page", with(update(), func(m *message) { m.binary = binary }), refusal.BadFile},
	{"a comment", outer("<x:Body>", "<!-- --><x:Body>"), refusal.Malformed},
	{"an instruction", outer("<x:Body>", "<?php ?><x:Body>"), refusal.Malformed},
	{"an attribute twice by its namespace", outer(`u:Id="t"`, `u:Id="t" v:Id="t" xmlns:v="`+wsu+`"`), refusal.Malformed},
	{"a surrogate", pageData("<N><CMS_Document><A>&#xD800;</A></CMS_Document></N>"), refusal.Malformed},
	{"no servers", with(update(), func(m *message) { m.servers = "" }), ""},
	{"groups by a reference to nothing", inner(`<mSystemVersion xsi:null="1"/>`+`<mTaskGroups xsi:null="1"/>`,
		`<mSystemVersion xsi:null="1"/><mTaskGroups href="#g"/>`), refusal.BadTask},
	{"a string by a reference to nothing", inner(back("TaskType", "UpdateDocument"),
		`<_x003C_TaskType_x003E_k__BackingField href="#name"/>`), refusal.BadTask},
	{"an object type of another alphabet", with(update(), func(m *message) {
		m.kind, m.object, m.data = "UpdateObject", "customtableitem.shop.boo\u212a", "<N><Shop_Book><A>1</A></Shop_Book></N>"
	}), refusal.TaskDenied},
	{"17 a path of another extension", with(file(), func(m *message) {
		m.data = swap("brand/logo.png", "brand/logo.html")(m.data)
	}), refusal.Path2749},
	{"17 sound as a picture", riff("WAVE"), refusal.BadFile},
	{"17 a picture in RIFF", riff("WEBP"), ""},
	{"an empty array of groups", with(update(), func(m *message) {
		m.editInner = swap(`<mTaskGroups xsi:null="1"/>`, `<mTaskGroups href="#g"/>`)
		m.objects = `<C:Array id="g" C:arrayType="k:TaskGroupInfo[0]" xmlns:k="` + classURI + `"/>`
	}), ""},
	{"groups", with(update(), func(m *message) {
		m.editInner = swap(`<mTaskGroups xsi:null="1"/>`, `<mTaskGroups href="#g"/>`)
		m.objects = `<C:Array id="g" C:arrayType="k:TaskGroupInfo[1]" xmlns:k="` + classURI + `"/>`
	}), refusal.BadTask},
}
