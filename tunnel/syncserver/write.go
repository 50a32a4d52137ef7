package syncserver

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/syncserver/markup"
	"github.com/stagelock/stagelock/tunnel/syncserver/token"
)

const declaration = `<?xml version="1.0" encoding="utf-8"?>`

// Request returns the body of the HTTP request that carries t: the one form in which a task is sent,
// whatever the form in which it came. The assembly is the full name of the receiver's.
func Request(env Envelope, t Task, assembly string) []byte {
	var b strings.Builder
	b.WriteString(declaration + `<soap:Envelope xmlns:soap="` + soapNS + `" xmlns:wsa="` + addrNS +
		`" xmlns:wsse="` + wsseNS + `" xmlns:wsu="` + wsuNS + `"><soap:Header>`)
	leaf(&b, "wsa:Action", "", Action)
	leaf(&b, "wsa:MessageID", "", env.MessageID)
	b.WriteString("<wsa:ReplyTo>")
	leaf(&b, "wsa:Address", "", Anyone)
	b.WriteString("</wsa:ReplyTo>")
	leaf(&b, "wsa:To", "", env.To)
	writeSecurity(&b, env)
	b.WriteString(`</soap:Header><soap:Body><ProcessSynchronizationTaskData xmlns="` + serverNS + `">`)
	leaf(&b, "stagingTaskData", "", t.Document(assembly))
	b.WriteString("</ProcessSynchronizationTaskData></soap:Body></soap:Envelope>")
	return []byte(b.String())
}

func leaf(b *strings.Builder, name, attrs, text string) {
	b.WriteString("<" + name + attrs + ">" + markup.Escape(text) + "</" + name + ">")
}

func writeSecurity(b *strings.Builder, env Envelope) {
	created := env.Token.Created.UTC().Format(token.TimeForm)
	b.WriteString(`<wsse:Security soap:mustUnderstand="1">`)
	if !env.Expires.IsZero() {
		b.WriteString("<wsu:Timestamp>")
		leaf(b, "wsu:Created", "", created)
		leaf(b, "wsu:Expires", "", env.Expires.UTC().Format(token.TimeForm))
		b.WriteString("</wsu:Timestamp>")
	}
	b.WriteString("<wsse:UsernameToken>")
	leaf(b, "wsse:Username", "", env.Token.User)
	leaf(b, "wsse:Password", ` Type="`+digested+`"`, base64.StdEncoding.EncodeToString(env.Token.Digest[:]))
	leaf(b, "wsse:Nonce", "", base64.StdEncoding.EncodeToString(env.Token.Nonce[:]))
	leaf(b, "wsu:Created", "", created)
	b.WriteString("</wsse:UsernameToken></wsse:Security>")
}

// Document returns the inner document of t, which Peer.Read reads: the task as the engine's own formatter writes it.
func (t Task) Document(assembly string) string {
	var b strings.Builder
	b.WriteString(`<SOAP-ENV:Envelope xmlns:xsi="` + xsiNS + `" xmlns:SOAP-ENC="` + markup.EncodingNS +
		`" xmlns:SOAP-ENV="` + soapNS + `" SOAP-ENV:encodingStyle="` + markup.EncodingNS + `"><SOAP-ENV:Body>` +
		`<a1:StagingTaskData id="ref-1" xmlns:a1="` + classNS(assembly) + `">`)
	field(&b, "mSystemVersion", t.SystemVersion)
	if t.EmptyGroups {
		b.WriteString(`<mTaskGroups href="#ref-2"></mTaskGroups>`)
	} else {
		field(&b, "mTaskGroups", Text{})
	}
	field(&b, backing("TaskType"), Text{true, t.Type})
	field(&b, backing("TaskObjectType"), t.ObjectType)
	field(&b, backing("TaskData"), Text{true, t.Data.text()})
	field(&b, backing("TaskBinaryData"), Text{t.Binary.Root != "", t.Binary.text()})
	servers := strings.Join(t.Servers, ";")
	field(&b, backing("TaskServers"), Text{servers != "", ";" + servers + ";"})
	b.WriteString("<" + backing("UserGuid") + ">")
	for i, v := range t.UserGUID {
		leaf(&b, "_"+string(rune('a'+i)), "", strconv.FormatInt(v, 10))
	}
	b.WriteString("</" + backing("UserGuid") + ">")
	field(&b, backing("UserName"), t.UserName)
	b.WriteString("</a1:StagingTaskData>")
	if t.EmptyGroups {
		b.WriteString(`<SOAP-ENC:Array id="ref-2" SOAP-ENC:arrayType="a1:TaskGroupInfo[0]" xmlns:a1="` +
			classNS(assembly) + `"></SOAP-ENC:Array>`)
	}
	b.WriteString("</SOAP-ENV:Body></SOAP-ENV:Envelope>")
	return b.String()
}

func field(b *strings.Builder, name string, v Text) {
	if !v.Set {
		leaf(b, name, ` xsi:null="1"`, "")
		return
	}
	leaf(b, name, "", v.Value)
}
