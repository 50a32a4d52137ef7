package harness_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stagelock/stagelock/integration/internal/harness"
)

func TestOneCallThroughTheWholeGateway(t *testing.T) {
	sink := harness.NewSink(t)
	reply, err := os.ReadFile("../../../tunnel/liferay/testdata/real/7.4.3.112/003-createStagingRequest.rep.ser")
	if err != nil {
		t.Fatal(err)
	}
	sink.Answer = func([]byte) []byte { return reply }
	g := harness.Start(t, harness.Options{Upstream: sink.URL, Inside: "/portal", Context: "/live"})
	body, err := os.ReadFile("../../../tunnel/liferay/testdata/real/7.4.3.112/003-createStagingRequest.req.ser")
	if err != nil {
		t.Fatal(err)
	}
	c, err := g.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /live/api/liferay/do HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
		g.Addr, g.Key(t).Authorization(harness.Login, false, false), len(body), body)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != string(reply) {
		t.Errorf("%s %q, %v", resp.Status, got, err)
	}
	if n := len(sink.Whole()); n != 1 {
		t.Errorf("%d calls arrived", n)
	}
	ref := resp.Header.Get("X-Stagelock-Reference")
	if v := g.Verdicts(t, ref); len(v) != 1 || v[0].Verdict != "allow" {
		t.Errorf("verdicts of %q: %v", ref, v)
	}
	if err := g.Stop(); err != nil {
		t.Error(err)
	}
	if r := g.Verify(t); !r.OK() {
		t.Errorf("audit log: %+v", r)
	}
}
