package publisher_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stagelock/stagelock/tunnel/liferay"
	"github.com/stagelock/stagelock/tunnel/publisher"
	"github.com/stagelock/stagelock/tunnel/publisher/failure"
)

const (
	check, create, update  = "checkRemoteStagingGroup", "createStagingRequest", "updateStagingRequest"
	validate, pub, cleanUp = "validateStagingRequest", "publishStagingRequest", "cleanUpStagingRequest"
	fine                   = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	unavailable            = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\nX-Stagelock-Reference: r\r\n\r\n"
)

func lar(n int) []byte { return bytes.Repeat([]byte("stagelock "), n/10+1)[:n] }

func publish(t *testing.T, s *script, cfg func(*publisher.Config), content []byte) (publisher.Result, error) {
	t.Helper()
	c := config(t, "http://"+s.serve(t))
	c.Buffer = 1000
	if cfg != nil {
		cfg(&c)
	}
	return client(t, c).Publish(t.Context(), bytes.NewReader(content), int64(len(content)))
}

func TestPublishOrder(t *testing.T) {
	none := missing(t, nil, nil)
	for _, tt := range []struct {
		name, build string
		mapForm     bool
		answers     []string
		want        []string
	}{
		{"configuration", "7.4", false, []string{fine, long(t, 7), fine, fine, fine, none, fine}, []string{check, create, update, update, update, pub, cleanUp}},
		{"6.2", "6.2", false, []string{fine, long(t, 7), fine, fine, fine, none, fine, fine}, []string{check, create, update, update, update, validate, pub, cleanUp}},
		{"7.2 in map form", "7.2", true, []string{fine, long(t, 7), fine, fine, fine, none, none, fine}, []string{check, create, update, update, update, validate, pub, cleanUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, content := &script{answers: tt.answers}, lar(2500)
			res, err := publish(t, s, func(c *publisher.Config) { c.Build, c.Map = tt.build, tt.mapForm }, content)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.methods(); !slices.Equal(got, tt.want) {
				t.Errorf("calls %v, want %v", got, tt.want)
			}
			res.Elapsed = 0
			want := publisher.Result{Request: 7, Parts: 3, Arrived: 3, Bytes: 2500, MD5: fmt.Sprintf("%x", md5.Sum(content))}
			if diff := cmp.Diff(want, res); diff != "" {
				t.Error(diff)
			}
			checkParts(t, s.requests, content)
		})
	}
}

// checkParts holds the parts that arrived against the archive, and their names against the vendor's.
func checkParts(t *testing.T, requests []request, content []byte) {
	t.Helper()
	var got []byte
	var names []string
	for _, r := range requests {
		if r.method == update {
			got = append(got, r.content...)
			names = append(names, r.args[1].(string))
		}
	}
	if !bytes.Equal(got, content) {
		t.Errorf("%d bytes arrived, other than the %d sent", len(got), len(content))
	}
	form := regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f]{4}-3[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\.zip|\d{8}_\d{9}\.lar)\d\d$`)
	for i, name := range names {
		if !form.MatchString(name) || !strings.HasSuffix(name, fmt.Sprintf("0%d", i)) || name[:len(name)-1] != names[0][:len(name)-1] {
			t.Errorf("part %d is named %s, after %s", i, name, names[0])
		}
	}
}

// Large parts leave in pieces: what arrives is the same.
func TestLargePartIsStreamed(t *testing.T) {
	s, content := &script{answers: []string{fine}}, lar(3<<20)
	c := client(t, config(t, "http://"+s.serve(t)))
	if err := c.UpdateStagingRequest(t.Context(), 7, "a.zip00", iotest.HalfReader(bytes.NewReader(content)), int64(len(content))); err != nil {
		t.Fatal(err)
	}
	if r := s.requests[0]; !bytes.Equal(r.content, content) || r.length <= int64(len(content)) {
		t.Errorf("%d bytes arrived in a body of %d", len(r.content), r.length)
	}
}

func TestCleanUpFollowsEveryFailure(t *testing.T) {
	portal := ok(thrown(t, "com.liferay.portal.kernel.exception.PortalException", "no"))
	hard := missing(t, []liferay.MissingReference{{ClassName: "a.B", ClassPK: "1", DisplayName: "Logo", Type: "dependency"}}, nil)
	for _, tt := range []struct {
		name    string
		answers []string
		kind    failure.Kind
		want    []string
	}{
		{"check", []string{portal}, failure.Exception, []string{check}},
		{"create", []string{fine, portal}, failure.Exception, []string{check, create}},
		{"update", []string{fine, long(t, 7), portal, fine}, failure.Exception, []string{check, create, update, cleanUp}},
		{"publish", []string{fine, long(t, 7), fine, portal, fine}, failure.Exception, []string{check, create, update, pub, cleanUp}},
		{"missing references", []string{fine, long(t, 7), fine, hard, fine}, failure.Missing, []string{check, create, update, pub, cleanUp}},
		{"no answer to publish", []string{fine, long(t, 7), fine, "", fine}, failure.Uncertain, []string{check, create, update, pub, cleanUp}},
		{"no answer to update", []string{fine, long(t, 7), "", fine}, failure.Interrupted, []string{check, create, update, cleanUp}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &script{answers: tt.answers}
			_, err := publish(t, s, nil, lar(500))
			f := failureOf(t, err)
			if f.Kind != tt.kind || f.Call != tt.want[len(tt.want)-1-cleaned(tt.want)] {
				t.Errorf("%s of %s: %v", f.Kind, f.Call, err)
			}
			if got := s.methods(); !slices.Equal(got, tt.want) {
				t.Errorf("calls %v, want %v", got, tt.want)
			}
			if tt.kind == failure.Missing && !slices.Equal(f.References, []string{"a.B Logo"}) {
				t.Errorf("missing %v", f.References)
			}
		})
	}
}

func cleaned(calls []string) int {
	if calls[len(calls)-1] == cleanUp {
		return 1
	}
	return 0
}

func TestFailedCleanUpLeavesThePublishDone(t *testing.T) {
	s := &script{answers: []string{fine, long(t, 7), fine, missing(t, nil, []liferay.MissingReference{{ClassName: "a.B", DisplayName: "Logo"}}), status(404, "")}}
	res, err := publish(t, s, nil, lar(500))
	if err != nil || failureOf(t, res.CleanUp).Kind != failure.BadAnswer {
		t.Errorf("publish %v, clean-up %v", err, res.CleanUp)
	}
	if !slices.Equal(res.Weak, []string{"a.B Logo"}) {
		t.Errorf("warnings %v", res.Weak)
	}
}

// A 503 that promises that nothing was carried out is tried again, as often as configured and not more.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string
		waits   int
		fails   bool
	}{
		{"comes back", []string{fine, long(t, 7), unavailable, unavailable, fine, unavailable, missing(t, nil, nil), fine}, 3, false},
		{"stays away", []string{fine, unavailable}, 3, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, waits, told := &script{answers: tt.answers}, 0, 0
			_, err := publish(t, s, func(c *publisher.Config) {
				c.Patience = 25 * time.Second
				c.Progress = func(p publisher.Progress) {
					if p.Retry > 0 {
						told++
					}
				}
				c.Wait = func(_ context.Context, d time.Duration) error {
					if waits++; d != 7*time.Second {
						t.Errorf("waits %s, want what the other side asked for", d)
					}
					return nil
				}
			}, lar(500))
			if waits != tt.waits || told != waits || (err != nil) != tt.fails {
				t.Errorf("%d waits, %d told, error %v", waits, told, err)
			}
			if tt.fails && failureOf(t, err).Kind != failure.Unavailable {
				t.Error(err)
			}
		})
	}
}

// A gateway that answers before it has the whole part is understood, and the part is not sent again.
func TestEarlyRefusalOfAPart(t *testing.T) {
	s := &script{answers: []string{status(413, "")}, early: true}
	c := client(t, config(t, "http://"+s.serve(t)))
	content := lar(32 << 20)
	f := failureOf(t, c.UpdateStagingRequest(t.Context(), 7, "a.zip00", bytes.NewReader(content), int64(len(content))))
	if f.Kind != failure.TooLarge && f.Kind != failure.Unreachable { // the reset may overtake the answer
		t.Errorf("%s: %v", f.Kind, f)
	}
}

func TestContentThatCannotBeRead(t *testing.T) {
	s := &script{answers: []string{fine}}
	c := client(t, config(t, "http://"+s.serve(t)))
	broken := errors.New("disk")
	for _, size := range []int64{2000, 2 << 20} {
		content := io.MultiReader(bytes.NewReader(lar(500)), iotest.ErrReader(broken))
		f := failureOf(t, c.UpdateStagingRequest(t.Context(), 7, "a.zip00", content, size))
		if f.Kind != failure.Unreadable || !f.Unexecuted || !errors.Is(f, broken) {
			t.Errorf("%d bytes: %s, unexecuted %t: %v", size, f.Kind, f.Unexecuted, f.Err)
		}
	}
	if got := s.methods(); len(got) != 0 {
		t.Errorf("calls %v arrived whole", got)
	}
	_, err := c.Publish(t.Context(), bytes.NewReader(lar(500)), 600)
	if f := failureOf(t, err); f.Kind != failure.Unreadable {
		t.Errorf("a short archive: %v", err)
	}
}

// Whoever stops a publish still leaves nothing behind on live.
func TestStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &script{answers: []string{fine, long(t, 7), fine, fine}}
	cfg := config(t, "http://"+s.serve(t))
	cfg.Buffer = 1000
	cfg.Progress = func(p publisher.Progress) {
		if p.Stage == publisher.StageUpload && p.Part == 2 {
			cancel()
		}
	}
	_, err := client(t, cfg).Publish(ctx, bytes.NewReader(lar(5000)), 5000)
	if f := failureOf(t, err); f.Kind != failure.Stopped || !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", f.Kind, err)
	}
	if got, want := s.methods(), []string{check, create, update, cleanUp}; !slices.Equal(got, want) {
		t.Errorf("calls %v, want %v", got, want)
	}
}

func TestProgressCoversTheArchive(t *testing.T) {
	s := &script{answers: []string{fine, long(t, 7), fine, fine, fine, missing(t, nil, nil), fine}}
	var last publisher.Progress
	var stages []string
	_, err := publish(t, s, func(c *publisher.Config) {
		c.Progress = func(p publisher.Progress) {
			if p.Stage == publisher.StageUpload {
				last = p
			}
			if len(stages) == 0 || stages[len(stages)-1] != string(p.Stage) {
				stages = append(stages, string(p.Stage))
			}
		}
	}, lar(2500))
	if err != nil {
		t.Fatal(err)
	}
	if want := (publisher.Progress{Stage: publisher.StageUpload, Part: 3, Parts: 3, Done: 2500, Total: 2500, Arrived: 2500}); last != want {
		t.Errorf("last progress %+v, want %+v", last, want)
	}
	if got, want := strings.Join(stages, " "), strings.Join([]string{"read", check, create, update, pub, cleanUp}, " "); got != want {
		t.Errorf("stages %s, want %s", got, want)
	}
}
