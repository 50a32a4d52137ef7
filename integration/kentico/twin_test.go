package kentico_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stagelock/stagelock/integration/ports"
)

const (
	servicePath = "/CMSPages/Staging/SyncServer.asmx"
	action      = "http://localhost/SyncWebService/SyncServer/ProcessSynchronizationTaskData"
	classNS     = "http://schemas.microsoft.com/clr/nsassem/CMS.Synchronization/CMS.Synchronization%2C%20Version%3D13.0.13.0%2C%20Culture%3Dneutral%2C%20PublicKeyToken%3D834b12a258f213f9"
	wsse        = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu         = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	digestType  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"
)

// twin is a server with the rules of Kentico's staging, as far as they are known: what it is sent it
// carries out, whoever has processed it; what it carries out it logs, if it is told to, for each target
// that the list of servers does not name. It knows the wire by itself, not by the gateway's words.
type twin struct {
	*httptest.Server
	Name     string // CMSStagingServerName; empty: nobody set it
	Logging  bool   // "log staging changes"
	User     string // that others send with
	Password string

	mu       sync.Mutex // guards what follows
	targets  []target
	pages    map[string]string // by GUID
	queue    []task
	received []received
	size     int64                            // of all that came
	answer   func(w http.ResponseWriter) bool // nil: as it should
	ticks    int                              // of its own clock, if that goes by what happens
	Ticking  bool
}

// clock is the time on the twin's clock. One that ticks shows ten minutes more each time that it is looked at, which no
// delivery takes. The caller holds mu.
func (w *twin) clock() time.Time {
	if !w.Ticking {
		return time.Now()
	}
	w.ticks++
	return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(w.ticks) * 10 * time.Minute)
}

// target is a target server as it is listed.
type target struct {
	Code, URL, User, Password string
	Client                    *http.Client
}

// task is a task of the queue, for one target.
type task struct {
	Kind, GUID, Text string
	Servers          []string
	To               target
	At               time.Time // of the edit
}

// received is a call that came.
type received struct {
	Head                                      http.Header
	Host                                      string
	Body                                      string
	Type, Object, Servers, User, Data, Binary string
}

func newTwin(t *testing.T, name string) *twin {
	t.Helper()
	w := &twin{Name: name, User: "staging", Password: "of " + name, pages: map[string]string{}}
	w.Server = httptest.NewUnstartedServer(http.HandlerFunc(w.serve))
	l, err := net.Listen("tcp", ports.Free(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Listener.Close()
	w.Listener = l
	w.Config.ErrorLog = log.New(io.Discard, "", 0) // of probes that hang up
	w.StartTLS()
	t.Cleanup(w.Close)
	return w
}

// away has the server listen no more, at an address that stays its own until the test ends.
func (w *twin) away() {
	_ = w.Listener.Close()
	w.CloseClientConnections()
}

// back has it listen again.
func (w *twin) back(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", w.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	again := &http.Server{Handler: w.Config.Handler, ReadHeaderTimeout: time.Minute, ErrorLog: w.Config.ErrorLog}
	go func() { _ = again.Serve(tls.NewListener(l, w.TLS)) }()
	t.Cleanup(func() { _ = again.Close() })
}

// ca writes the certificate of the twin into a file.
func (w *twin) ca(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.Certificate().Raw})
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func keyOf(password string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(password)) {
		b = append(b, byte(u), byte(u>>8))
	}
	sum := sha1.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func digest(nonce []byte, created, key string) string {
	sum := sha1.Sum(append(append(append([]byte{}, nonce...), created...), key...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// envelope is a call as the server reads it.
type envelope struct {
	Header struct {
		Security struct {
			UsernameToken struct{ Username, Password, Nonce, Created string }
		}
	}
	Body struct {
		Call struct {
			Data string `xml:"stagingTaskData"`
		} `xml:"ProcessSynchronizationTaskData"`
	}
}

type document struct {
	Body struct {
		Task struct {
			Type    string `xml:"_x003C_TaskType_x003E_k__BackingField"`
			Object  string `xml:"_x003C_TaskObjectType_x003E_k__BackingField"`
			Data    string `xml:"_x003C_TaskData_x003E_k__BackingField"`
			Binary  string `xml:"_x003C_TaskBinaryData_x003E_k__BackingField"`
			Servers string `xml:"_x003C_TaskServers_x003E_k__BackingField"`
			User    string `xml:"_x003C_UserName_x003E_k__BackingField"`
		} `xml:"StagingTaskData"`
	}
}

type page struct {
	Document struct {
		GUID string `xml:"DocumentGUID"`
		Name string `xml:"DocumentName"`
	} `xml:"CMS_Document"`
}

func (w *twin) serve(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if r.Method == http.MethodHead {
		return
	}
	got := received{Head: r.Header, Host: r.Host, Body: string(body)}
	w.mu.Lock()
	w.size += int64(len(body))
	answer := w.answer
	rw.Header().Set("Date", w.clock().UTC().Format(http.TimeFormat))
	w.mu.Unlock()
	if r.URL.Path != servicePath || r.Header.Get("SOAPAction") != `"`+action+`"` {
		http.NotFound(rw, r)
		return
	}
	var in envelope
	var doc document
	if xml.Unmarshal(body, &in) != nil || xml.Unmarshal([]byte(in.Body.Call.Data), &doc) != nil {
		fault(rw, "cannot be read")
		return
	}
	token := in.Header.Security.UsernameToken
	nonce, _ := base64.StdEncoding.DecodeString(token.Nonce)
	if token.Username != w.User || token.Password != digest(nonce, token.Created, keyOf(w.Password)) {
		fault(rw, "The security token could not be authenticated or authorized")
		return
	}
	t := doc.Body.Task
	got.Type, got.Object, got.Servers, got.User, got.Data, got.Binary = t.Type, t.Object, t.Servers, t.User, t.Data, t.Binary
	w.mu.Lock()
	w.received = append(w.received, got)
	w.mu.Unlock()
	if answer != nil && answer(rw) {
		return
	}
	var p page
	_ = xml.Unmarshal([]byte(t.Data), &p)
	w.carryOut(t.Type, p.Document.GUID, p.Document.Name, splitServers(t.Servers))
	result(rw, "")
}

func splitServers(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ';' })
}

// carryOut does what a task says, and logs it.
func (w *twin) carryOut(kind, guid, text string, servers []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.do(kind, guid, text)
	if w.Logging {
		w.log(kind, guid, text, servers)
	}
}

// do changes a page. The caller holds mu.
func (w *twin) do(kind, guid, text string) {
	if kind == "DeleteDocument" {
		delete(w.pages, guid)
		return
	}
	w.pages[guid] = text
}

// log queues a change for each target that does not have it. The caller holds mu.
func (w *twin) log(kind, guid, text string, servers []string) {
	have := map[string]bool{}
	for _, s := range servers {
		have[strings.ToLower(s)] = true
	}
	if w.Name != "" && !have[strings.ToLower(w.Name)] {
		servers = append(append([]string{}, servers...), w.Name)
	}
	at := w.clock()
	for _, to := range w.targets {
		if !have[strings.ToLower(to.Code)] {
			w.queue = append(w.queue, task{kind, guid, text, servers, to, at})
		}
	}
}

// edit is what a person does.
func (w *twin) edit(guid, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.do("UpdateDocument", guid, text)
	w.log("UpdateDocument", guid, text, nil)
}

// remove is what a person does, too. The task says how the page was.
func (w *twin) remove(guid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.pages[guid]
	w.do("DeleteDocument", guid, "")
	w.log("DeleteDocument", guid, text, nil)
}

func (w *twin) list(to ...target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.targets = to
}

func (w *twin) page(guid string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pages[guid]
}

func (w *twin) calls() []received {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]received{}, w.received...)
}

// bytes returns how much came, of whatever.
func (w *twin) bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// wait returns when that many calls have come.
func (w *twin) wait(t *testing.T, n int) {
	t.Helper()
	for begun := time.Now(); len(w.calls()) < n; runtime.Gosched() {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d calls came, want %d", len(w.calls()), n)
		}
	}
}

func (w *twin) queued() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// waiting returns what is queued, and wants queues it.
func (w *twin) waiting() []task {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]task{}, w.queue...)
}

func (w *twin) wants(all []task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, all...)
}

// synchronize sends what is queued, once each, and returns how many were sent and what failed.
func (w *twin) synchronize(ctx context.Context) (sent int, failed []string) {
	w.mu.Lock()
	tasks := w.queue
	w.queue = nil
	w.mu.Unlock()
	for _, t := range tasks {
		sent++
		if why := w.send(ctx, t); why != "" {
			failed = append(failed, why)
		}
	}
	return sent, failed
}

func (w *twin) send(ctx context.Context, t task) (failure string) {
	servers := ""
	if len(t.Servers) > 0 {
		servers = ";" + strings.Join(t.Servers, ";") + ";"
	}
	data := "<NewDataSet><CMS_Document><DocumentID>7</DocumentID><DocumentGUID>" + t.GUID + "</DocumentGUID><DocumentName>" +
		html.EscapeString(t.Text) + "</DocumentName><DocumentModifiedWhen>" + t.At.Format(time.RFC3339Nano) +
		"</DocumentModifiedWhen></CMS_Document></NewDataSet>"
	status, reason, body := t.To.call(ctx, message(t.To.User, t.To.Password, t.Kind, "", data, "", servers))
	return said(status, reason, body)
}

// said is what a sender shows of an answer; empty: done.
func said(status int, reason, body string) string {
	if status != http.StatusOK && status != http.StatusInternalServerError {
		return fmt.Sprintf("HTTP status %d: %s", status, reason)
	}
	var out struct {
		Body struct {
			Response struct {
				Result string `xml:"ProcessSynchronizationTaskDataResult"`
			} `xml:"ProcessSynchronizationTaskDataResponse"`
			Fault struct {
				Text string `xml:"faultstring"`
			}
		}
	}
	if err := xml.Unmarshal([]byte(body), &out); err != nil {
		return "no answer: " + err.Error()
	}
	return out.Body.Response.Result + out.Body.Fault.Text
}

// call sends a message as it is.
func (t *target) call(ctx context.Context, body string) (status int, reason, answer string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.URL+servicePath, strings.NewReader(body))
	if err != nil {
		return 0, err.Error(), ""
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"`+action+`"`)
	req.Header.Set("Expect", "100-continue")
	res, err := t.Client.Do(req)
	if err != nil {
		return 0, err.Error(), ""
	}
	defer res.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(res.Body)
	_, reason, _ = strings.Cut(res.Status, " ")
	return res.StatusCode, reason, b.String()
}

// guid is a user as the vendor's formatter writes one.
var guid = func() string {
	var b strings.Builder
	for _, c := range "abcdefghijk" {
		fmt.Fprintf(&b, "<_%c>1</_%c>", c, c)
	}
	return b.String()
}()

func field(name, value string) string {
	n := "_x003C_" + name + "_x003E_k__BackingField"
	if value == "" {
		return "<" + n + ` xsi:null="1"/>`
	}
	return "<" + n + ">" + value + "</" + n + ">"
}

// message is a call as a server writes one.
func message(user, password, kind, object, data, binary, servers string) string {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	created := time.Now().UTC().Format("2006-01-02T15:04:05Z")
	inner := `<SOAP-ENV:Envelope xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" ` +
		`xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Body><a1:StagingTaskData id="ref-1" xmlns:a1="` + classNS + `">` +
		`<mSystemVersion xsi:null="1"/><mTaskGroups xsi:null="1"/>` + field("TaskType", kind) + field("TaskObjectType", object) +
		field("TaskData", html.EscapeString(data)) + field("TaskBinaryData", html.EscapeString(binary)) + field("TaskServers", servers) +
		field("UserGuid", guid) + field("UserName", "editor") + "</a1:StagingTaskData></SOAP-ENV:Body></SOAP-ENV:Envelope>"
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:wsse="` + wsse + `" xmlns:wsu="` + wsu + `"><soap:Header>` +
		"<wsa:Action>" + action + "</wsa:Action><wsa:MessageID>urn:uuid:" + fmt.Sprintf("%x", nonce) + "</wsa:MessageID><wsa:ReplyTo><wsa:Address>" +
		"http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:Address></wsa:ReplyTo><wsa:To>https://target" + servicePath + "</wsa:To>" +
		`<wsse:Security soap:mustUnderstand="1"><wsu:Timestamp wsu:Id="Timestamp-1"><wsu:Created>` + created + "</wsu:Created><wsu:Expires>" +
		time.Now().UTC().Add(5*time.Minute).Format("2006-01-02T15:04:05Z") + "</wsu:Expires></wsu:Timestamp>" +
		`<wsse:UsernameToken wsu:Id="SecurityToken-1"><wsse:Username>` + user + `</wsse:Username><wsse:Password Type="` + digestType + `">` +
		digest(nonce, created, keyOf(password)) + "</wsse:Password><wsse:Nonce>" + base64.StdEncoding.EncodeToString(nonce) + "</wsse:Nonce><wsu:Created>" +
		created + "</wsu:Created></wsse:UsernameToken></wsse:Security></soap:Header><soap:Body>" +
		`<ProcessSynchronizationTaskData xmlns="http://localhost/SyncWebService/SyncServer"><stagingTaskData>` + html.EscapeString(inner) +
		"</stagingTaskData></ProcessSynchronizationTaskData></soap:Body></soap:Envelope>"
}

func soap(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>`+
		body+"</soap:Body></soap:Envelope>")
}

func result(w http.ResponseWriter, text string) {
	soap(w, http.StatusOK, `<ProcessSynchronizationTaskDataResponse xmlns="http://localhost/SyncWebService/SyncServer">`+
		"<ProcessSynchronizationTaskDataResult>"+html.EscapeString(text)+"</ProcessSynchronizationTaskDataResult></ProcessSynchronizationTaskDataResponse>")
}

func fault(w http.ResponseWriter, text string) {
	soap(w, http.StatusInternalServerError, "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>"+html.EscapeString(text)+"</faultstring></soap:Fault>")
}

// trusting returns a client that trusts those certificates, over HTTP/1.1 as the vendor's.
func trusting(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout: time.Minute,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, ServerName: "127.0.0.1"},
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, ExpectContinueTimeout: time.Second},
	}
}

var referenceForm = regexp.MustCompile(`\(([0-9a-f-]{36})\)$`)

// refusing answers as a server that cannot carry a task out.
func refusing(w http.ResponseWriter) bool {
	result(w, "no parent")
	return true
}
