package source

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/tunnel/sync"
)

// Path begins the paths of the engine's end.
const Path = "/sync/v1/"

// factsHeader has the facts of an object as JSON, beside its content.
const factsHeader = "Stagelock-Facts"

// maxRows and maxAnswer bound what is asked for and what is read.
const (
	maxRows   = 1000
	maxAnswer = 8 << 20
)

// Handler is the engine's end of a Source. An empty token admits nobody.
func Handler(s Source, token string) http.Handler {
	h := handler{s}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path+"changes", h.changes)
	mux.HandleFunc("GET "+Path+"content", h.content)
	mux.HandleFunc("POST "+Path+"contents", h.contents)
	mux.HandleFunc("POST "+Path+"apply", h.apply)
	if b, ok := s.(Batch); ok {
		mux.HandleFunc("POST "+Path+"apply-all", batch{b}.applyAll)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token == "" || !ok || subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			answer(w, http.StatusUnauthorized, refusal{Code: "token", Message: "the token is not the engine's"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

type handler struct{ s Source }

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

// fail answers an error: what changed nothing is told apart.
func fail(w http.ResponseWriter, err error) {
	if r, ok := refusalOf(err); ok {
		answer(w, http.StatusConflict, r)
		return
	}
	answer(w, http.StatusInternalServerError, refusal{Code: "failed", Message: err.Error()})
}

func bad(w http.ResponseWriter, err error) {
	answer(w, http.StatusBadRequest, refusal{Code: "input", Message: err.Error()})
}

func (h handler) changes(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseInt(r.FormValue("after"), 10, 64)
	limit, err2 := strconv.Atoi(r.FormValue("limit"))
	if err = errors.Join(err, err2); err != nil {
		bad(w, err)
		return
	}
	rows, err := h.s.Changes(r.Context(), after, max(1, min(limit, maxRows)))
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, rows)
}

func (h handler) content(w http.ResponseWriter, r *http.Request) {
	o, err := sync.ParseObject(r.FormValue("object"))
	if err != nil {
		bad(w, err)
		return
	}
	content, facts, err := h.s.Content(r.Context(), o)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set(factsHeader, header(facts))
	if content == nil {
		return
	}
	defer content.Close()
	_, err = io.Copy(w, content)
	if err != nil {
		panic(http.ErrAbortHandler) // half a content must not look whole
	}
}

func (h handler) apply(w http.ResponseWriter, r *http.Request) {
	o, err := sync.ParseObject(r.FormValue("object"))
	expect, err2 := strconv.ParseInt(r.FormValue("expect"), 10, 64)
	var facts Facts
	err3 := json.Unmarshal([]byte(r.Header.Get(factsHeader)), &facts)
	if err = errors.Join(err, err2, err3); err != nil {
		bad(w, err)
		return
	}
	seq, err := h.s.Apply(r.Context(), o, expect, r.FormValue("tag"), facts, r.Body)
	if err != nil {
		fail(w, err)
		return
	}
	answer(w, http.StatusOK, Row{Seq: seq})
}

// header writes facts so that a header can carry them.
func header(f Facts) string {
	b, _ := json.Marshal(f) // texts and numbers always marshal
	var s strings.Builder
	for _, r := range string(b) {
		switch {
		case r < 0x7f: // DEL may not stand in a header
			s.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&s, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		default:
			fmt.Fprintf(&s, `\u%04x`, r)
		}
	}
	return s.String()
}

// Client is the gateway's end of a Source. It is safe for concurrent use.
type Client struct {
	URL   string // of the engine, such as http://127.0.0.1:9000
	Token func() (string, error)
	HTTP  *http.Client // nil: http.DefaultClient
}

var _ Source = (*Client)(nil)

// Changes implements Source.
func (c *Client) Changes(ctx context.Context, after int64, limit int) (rows []Row, err error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
	resp, err := c.send(ctx, http.MethodGet, "changes", q, nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&rows); err != nil {
		return nil, fmt.Errorf("the engine's journal cannot be read: %w", err)
	}
	for _, row := range rows {
		if _, err := sync.ParseObject(string(row.Object)); err != nil {
			return nil, fmt.Errorf("the engine's journal at %d: %w", row.Seq, err)
		}
	}
	return rows, nil
}

// Content implements Source.
func (c *Client) Content(ctx context.Context, o sync.Object) (io.ReadCloser, Facts, error) {
	var f Facts
	resp, err := c.send(ctx, http.MethodGet, "content", url.Values{"object": {string(o)}}, nil, nil)
	if err != nil {
		return nil, f, err
	}
	if err := json.Unmarshal([]byte(resp.Header.Get(factsHeader)), &f); err != nil {
		return nil, f, errors.Join(fmt.Errorf("the engine says nothing of %s: %w", o, err), resp.Body.Close())
	}
	if f.Deleted {
		return nil, f, resp.Body.Close()
	}
	return resp.Body, f, nil
}

// Apply implements Source.
func (c *Client) Apply(
	ctx context.Context, o sync.Object, expect int64, tag string, f Facts, content io.Reader,
) (int64, error) {
	q := url.Values{"object": {string(o)}, "expect": {strconv.FormatInt(expect, 10)}, "tag": {tag}}
	if content == nil {
		content = bytes.NewReader(nil)
	}
	content = struct{ io.Reader }{content} // the caller closes it
	resp, err := c.send(ctx, http.MethodPost, "apply", q, http.Header{factsHeader: {header(f)}}, content)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var row Row
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&row); err != nil {
		return 0, fmt.Errorf("the engine's answer cannot be read: %w", err)
	}
	return row.Seq, nil
}

// errNoCall is returned for what the engine does not know.
var errNoCall = errors.New("it has no such call")

// send returns a good answer, whose body the caller closes.
func (c *Client) send(
	ctx context.Context, method, name string, q url.Values, h http.Header, body io.Reader,
) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+Path+name+"?"+q.Encode(), body) //nolint:gosec // the configured engine
	if err != nil {
		return nil, err
	}
	token, err := c.Token()
	if err != nil {
		return nil, fmt.Errorf("token of the engine: %w", err)
	}
	for k, v := range h {
		req.Header[k] = v
	}
	req.Header.Set("Authorization", "Bearer "+token)
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req) //nolint:gosec // the configured engine
	if err != nil {
		return nil, fmt.Errorf("the engine does not answer: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return nil, fmt.Errorf("the engine answers %s at %s: %w", resp.Status, c.URL, errNoCall)
	}
	var r refusal
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&r); err != nil {
		return nil, fmt.Errorf("the engine answers %s at %s: %w", resp.Status, c.URL, err)
	}
	return nil, r.err()
}
