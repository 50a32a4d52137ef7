package integration_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
	"github.com/stagelock/stagelock/tunnel"
	"github.com/stagelock/stagelock/tunnel/javaser"
	"github.com/stagelock/stagelock/tunnel/javaser/graph"
	"github.com/stagelock/stagelock/tunnel/javaser/source"
	"github.com/stagelock/stagelock/tunnel/liferay"
)

const (
	staging7  = "com.liferay.exportimport.kernel.service.StagingServiceUtil"
	group7    = "com.liferay.portal.kernel.service.GroupServiceUtil"
	portlet7  = "com.liferay.portal.kernel.service.PortletServiceUtil"
	layout7   = "com.liferay.portal.kernel.service.LayoutServiceUtil"
	staging62 = "com.liferay.portal.service.StagingServiceUtil"
	group62   = "com.liferay.portal.service.GroupServiceUtil"
	exportCfg = "com.liferay.exportimport.kernel.model.ExportImportConfiguration"
	svcCtx    = "com.liferay.portal.kernel.service.ServiceContext"
	missing7  = "com.liferay.exportimport.kernel.lar.MissingReferences"

	text = "java.lang.String"
	dict = "java.util.Map"

	site      = 20143 // the one that gateways with listed sites know
	otherSite = 20999
	passwd    = "{bcrypt}$2a$10$not-for-live-to-see"
)

// spec is a call to be written.
type spec struct {
	build   string // 7.4.3.112 if empty
	login   string // harness.Login if empty
	service string
	name    string
	params  []string
	args    []any
}

// tree returns the call as values that can be changed.
func (s spec) tree(t testing.TB) *graph.Object {
	t.Helper()
	body := s.bytes(t)
	lim := javaser.DefaultLimits()
	v, err := javaser.NewDecoder(source.New(bytes.NewReader(body), nil, lim.Held), lim).Decode(graph.Any())
	if err != nil {
		t.Fatal(err)
	}
	return v.(*graph.Object)
}

// callsWritten makes every call that is written another one: equal ones are repeats.
var callsWritten atomic.Int64

func (s spec) call(t testing.TB) *liferay.Call {
	t.Helper()
	url := fmt.Sprintf("https://live.example.com/%08d", callsWritten.Add(1))
	p := liferay.Principal{Login: or(s.login, harness.Login), Password: passwd, URL: url}
	m := tunnel.Method{Service: s.service, Name: s.name, Parameters: s.params}
	c, err := liferay.NewCall(or(s.build, build74), p, m, s.args...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bytes returns the body of a call without content.
func (s spec) bytes(t testing.TB) []byte {
	t.Helper()
	body, err := s.call(t).Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// message returns the call as the publisher of that login sends it.
func (s spec) message(t testing.TB) message {
	t.Helper()
	return message{auth: auth(t, or(s.login, harness.Login)), body: s.bytes(t)}
}

// as returns the call of another login.
func (s spec) as(login string) spec {
	s.login = login
	return s
}

func checkSite(id int64) spec {
	return spec{service: group7, name: "checkRemoteStagingGroup", params: []string{"long"}, args: []any{id}}
}

// checksum makes a checksum whose first digits are n.
func checksum(n int) string {
	return (strconv.FormatInt(0x100000+int64(n), 16) + "0123456789abcdef0123456789abcdef")[:32]
}

func create(id int64, n int) spec {
	return spec{service: staging7, name: "createStagingRequest", params: []string{"long", text}, args: []any{id, checksum(n)}}
}

// requestOf is the id that the sink gives to the request of checksum(n).
func requestOf(n int) int64 { return 0x100000 + int64(n) }

func cleanUp(request int64) spec {
	return spec{service: staging7, name: "cleanUpStagingRequest", params: []string{"long"}, args: []any{request}}
}

func enable(id int64) spec {
	return spec{service: group7, name: "enableStaging", params: []string{"long"}, args: []any{id}}
}

func disable(id int64) spec {
	return spec{service: group7, name: "disableStaging", params: []string{"long"}, args: []any{id}}
}

func portlets(flags map[string]string) spec {
	return spec{service: group7, name: "updateStagedPortlets", params: []string{"long", dict}, args: []any{int64(site), flags}}
}

// recorded returns a stream that a real build of the CMS wrote.
func recorded(t testing.TB, build, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "tunnel", "liferay", "testdata", "real", build, name+".ser"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func settings(target any) liferay.Settings {
	return liferay.Settings{
		"sourceGroupId": int64(30000), "targetGroupId": target, "privateLayout": false, "layoutIds": []int64{1, 2},
		"remoteAddress": "live.example.com", "parameterMap": map[string][]string{"PERMISSIONS": {"false"}},
	}
}

func publish(request int64, s liferay.Settings) spec {
	return spec{service: staging7, name: "publishStagingRequest", params: []string{"long", exportCfg}, args: []any{request, s}}
}

// part returns updateStagingRequest with content, in pieces.
func part(request int64, name string, size int) spec {
	return spec{
		service: staging7, name: "updateStagingRequest", params: []string{"long", text, "[B"},
		args: []any{request, name, tunnel.Content{Size: int64(size)}},
	}
}

// filler is the content of a part.
func filler(n int) []byte { return bytes.Repeat([]byte("content of a part "), n/18+1)[:n] }

// streamed returns a part's call as a message; mutate may change what stands behind the content.
func (s spec) streamed(t testing.TB, size int, mutate func(tail []byte) []byte) message {
	t.Helper()
	head, tail, err := s.call(t).Split()
	if err != nil {
		t.Fatal(err)
	}
	if mutate != nil {
		tail = mutate(tail)
	}
	m := message{auth: auth(t, or(s.login, harness.Login)), pause: len(head) + size}
	m.body = append(append(head, filler(size)...), tail...)
	return m
}

// liveEngine answers whole calls as a live engine does.
func liveEngine(t testing.TB) func(body []byte) []byte {
	t.Helper()
	return func(body []byte) []byte {
		c, err := readCall(body)
		if err != nil {
			t.Errorf("the engine got what is no call: %v", err)
			return nil
		}
		answer, err := answerTo(c)
		if err != nil {
			t.Errorf("answer to %s: %v", c.Method.Name, err)
		}
		return answer
	}
}

func readCall(body []byte) (*liferay.Call, error) {
	lim := javaser.DefaultLimits()
	return liferay.Read(source.New(bytes.NewReader(body), nil, lim.Held), lim, func(p liferay.Part) error {
		_, err := io.Copy(io.Discard, p.Content)
		return err
	})
}

// answerTo makes the answer to a call of the newest line.
func answerTo(c *liferay.Call) ([]byte, error) {
	value := map[string]any{"hasRemoteLayout": true, "getGroupDisplayURL": "/web/guest", "hasPortletId": true,
		"getLayoutPlid": int64(7), "getDefaultPlid": int64(7)}
	switch c.Method.Name {
	case "createStagingRequest":
		sum, _ := c.Args[1].(string)
		id, err := strconv.ParseInt(sum[:6], 16, 64)
		if err != nil {
			return nil, err
		}
		return liferay.AppendValue(nil, build74, id)
	case "publishStagingRequest", "validateStagingRequest":
		return liferay.AppendMissing(nil, build74, nil, nil)
	}
	if v, ok := value[c.Method.Name]; ok {
		return liferay.AppendValue(nil, build74, v)
	}
	return nil, nil
}

// arranged is a gateway in front of a sink, both real.
type arranged struct {
	*harness.Gateway
	sink *harness.Sink
}

// arrange starts a gateway in front of a sink. Rates are out of the way unless a test sets its own.
func arrange(t testing.TB, o harness.Options) arranged {
	t.Helper()
	sink := harness.NewSink(t)
	sink.Answer = liveEngine(t)
	return arrangeTo(t, o, sink)
}

func arrangeTo(t testing.TB, o harness.Options, sink *harness.Sink) arranged {
	t.Helper()
	o.Upstream = or(o.Upstream, sink.URL)
	if len(o.Extra) == 0 {
		o.Extra = []string{"quota: { failure_cost: 1, per_address_burst: 1000000 }"}
	}
	return arranged{harness.Start(t, o), sink}
}

// made creates the staging request of checksum(n) for the site.
func (a arranged) made(t testing.TB, n int) int64 {
	t.Helper()
	allowed(t, a.Gateway, once(t, a.Gateway, create(site, n).message(t)))
	return requestOf(n)
}
