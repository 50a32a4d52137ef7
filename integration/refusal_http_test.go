package integration_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
)

// headOnly is a message whose head is written by hand. ADDR, AUTH and LEN stand for the gateway's
// address, genuine credentials and the length of the body.
func headOnly(t testing.TB, head string, body []byte) message {
	t.Helper()
	r := strings.NewReplacer("AUTH", "Authorization: "+auth(t, harness.Login), "LEN", "Content-Length: "+strconv.Itoa(len(body)))
	return message{raw: r.Replace(strings.ReplaceAll(head, "\n", "\r\n")), body: body}
}

// oddHeads are messages that general servers repair or forward; each carries a legal, genuine call.
var oddHeads = []struct {
	name, head string
	status     int
	reason     tunnel.Reason
}{
	{"chunked", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nTransfer-Encoding: chunked\n\n", 411, "http.chunked"},
	{"length and encoding", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\nTransfer-Encoding: chunked\n\n", 400, "http.transfer-encoding"},
	{"encoding and length", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nTransfer-Encoding: chunked\nLEN\n\n", 400, "http.transfer-encoding"},
	{"encoding identity", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nTransfer-Encoding: identity\nLEN\n\n", 400, "http.transfer-encoding"},
	{"equal lengths", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\nLEN\n\n", 400, "http.length"},
	{"different lengths", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\nContent-Length: 3\n\n", 400, "http.length"},
	{"length +1", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Length: +1\n\n", 400, "http.length"},
	{"length 01", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Length: 01\n\n", 400, "http.length"},
	{"no length", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\n\n", 411, "http.no-length"},
	{"length beyond all", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Length: 9000000000\n\n", 413, "http.too-large"},
	{"folded field", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nX-A: b\n c\nLEN\n\n", 400, "http.header"},
	{"underscore", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nTransfer_Encoding: chunked\nLEN\n\n", 400, "http.header"},
	{"blank before the colon", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Length : 5\n\n", 400, "http.header"},
	{"high byte", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nX-A: \xe9\nLEN\n\n", 400, "http.header"},
	{"NUL", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nX-A: \x00\nLEN\n\n", 400, "http.header"},
	{"no host", "POST /api/liferay/do HTTP/1.1\nAUTH\nLEN\n\n", 400, "http.host"},
	{"two hosts", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.host"},
	{"another host", "POST /api/liferay/do HTTP/1.1\nHost: evil.example.com\nAUTH\nLEN\n\n", 400, "http.host"},
	{"host with a user", "POST /api/liferay/do HTTP/1.1\nHost: a@ADDR\nAUTH\nLEN\n\n", 400, "http.host"},
	{"host with a dot", "POST /api/liferay/do HTTP/1.1\nHost: 127.0.0.1.\nAUTH\nLEN\n\n", 400, "http.host"},
	{"absolute form", "POST http://ADDR/api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"version 1.0", "POST /api/liferay/do HTTP/1.0\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"version 1.2", "POST /api/liferay/do HTTP/1.2\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"two blanks", "POST  /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"tab", "POST\t/api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"empty line first", "\nPOST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"lower case", "post /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.request-line"},
	{"connection names fields", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nConnection: close, Authorization\nLEN\n\n", 400, "http.hop-by-hop"},
	{"upgrade", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nUpgrade: h2c\nLEN\n\n", 400, "http.hop-by-hop"},
	{"trailer", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nTrailer: X-A\nLEN\n\n", 400, "http.hop-by-hop"},
	{"proxy field", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nProxy-Connection: close\nLEN\n\n", 400, "http.hop-by-hop"},
	{"expectation", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nExpect: 200-ok\nLEN\n\n", 400, "http.expect"},
	{"two credentials", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nAUTH\nLEN\n\n", 400, "http.header"},
	{"credentials with a NUL", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\x00\nLEN\n\n", 400, "http.header"},
	{"credentials without a name", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nproper AUTH\nLEN\n\n", 400, "http.header"},
	{"credentials for a proxy", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nProxy-AUTH\nLEN\n\n", 400, "http.hop-by-hop"},
	{"content type of a form", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Type: text/plain\nLEN\n\n", 400, "http.content-type"},
	{"content type with a parameter", "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nContent-Type: application/x-java-serialized-object;a=b\nLEN\n\n", 400, "http.content-type"},
	{"PUT", "PUT /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 405, "http.method"},
	{"DELETE", "DELETE /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 405, "http.method"},
	{"TRACE", "TRACE /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\n\n", 405, "http.method"},
	{"CONNECT", "CONNECT ADDR HTTP/1.1\nHost: ADDR\nAUTH\n\n", 405, "http.method"},
	{"GET with a body", "GET /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", 400, "http.length"},
}

func TestOddMessagesStayOutside(t *testing.T) {
	a := arrange(t, listed)
	body := checkSite(site).bytes(t)
	hidden := checkSite(site).message(t)
	for _, tt := range oddHeads {
		t.Run(tt.name, func(t *testing.T) {
			m := headOnly(t, tt.head, body)
			m.body = append(append([]byte{}, body...), hidden.head(a.Addr)...) // what follows must not be served either
			m.body = append(m.body, hidden.body...)
			got := once(t, a.Gateway, m)
			want{status: tt.status, reason: tt.reason}.denied(t, a.Gateway, got)
			if !got.close && tt.status == http.StatusBadRequest {
				t.Error("the connection goes on")
			}
			if n := len(a.sink.Calls()); n != 0 {
				t.Fatalf("%d calls began at the engine", n)
			}
		})
	}
	prove(t, "%d heads that general servers repair, %d forwarded", len(oddHeads), len(a.sink.Calls()))
	legal := headOnly(t, "POST /api/liferay/do HTTP/1.1\nHost: ADDR\nAUTH\nLEN\n\n", body)
	allowed(t, a.Gateway, once(t, a.Gateway, legal))
	if n := len(a.sink.Whole()); n != 1 {
		t.Errorf("%d calls arrived, want the twin", n)
	}
	checkLog(t, a)
}

func TestGetOnTheTunnel(t *testing.T) {
	a := arrange(t, listed)
	m := message{raw: "GET /api/liferay/do HTTP/1.1\r\nHost: ADDR\r\n\r\n"}
	want{status: 405, reason: "http.method"}.denied(t, a.Gateway, once(t, a.Gateway, m))
	if n := len(a.sink.Calls()); n != 0 {
		t.Errorf("%d calls began at the engine", n)
	}
}

// Nothing of a client's head reaches the engine: neither its target, nor its fields, nor its
// credentials.
func TestHeadIsMadeAnew(t *testing.T) {
	o := listed
	o.Context, o.Inside, o.Engine = "/outside", "/inside", "another secret 16"[:16]
	a := arrange(t, o)
	m := checkSite(site).message(t)
	m.target = "/outside/api/liferay/do"
	m.fields = []string{"X-Original-URL: /c/portal/login", "Cookie: JSESSIONID=1", "X-Forwarded-Host: evil.example.com", "X-Forwarded-Proto: http"}
	got := once(t, a.Gateway, m)
	allowed(t, a.Gateway, got)
	head := a.sink.Calls()[0].Head
	if head.RequestURI != "/inside/api/liferay/do" || head.Host != strings.TrimPrefix(a.sink.URL, "http://") {
		t.Errorf("sent to %s at %s", head.RequestURI, head.Host)
	}
	for field, want := range map[string]string{
		"X-Original-Url": "", "Cookie": "", "X-Forwarded-Host": "", "User-Agent": "", "X-Forwarded-Proto": "https",
		"X-Forwarded-For": "127.0.0.1", "Content-Type": serialized, "X-Stagelock-Reference": got.ref,
		"Authorization": "Basic " + encodedLogin(t, "another secret 1", harness.Login),
	} {
		if got := head.Header.Get(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
}
