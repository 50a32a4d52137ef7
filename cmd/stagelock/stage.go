package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
)

// stage shows the demo: to people while it goes on, to scripts at its end.
type stage struct {
	sh    *shell
	paint palette
	told  told
}

// told is the whole demo for a script.
type told struct {
	OK           bool         `json:"ok"`
	Environments []toldPlace  `json:"environments"`
	Publishes    []toldSend   `json:"publishes"`
	Attacks      []toldAttack `json:"attacks"`
	Audit        *verified    `json:"audit,omitempty"`
	Publish      []string     `json:"publish_command,omitempty"`
}

type toldPlace struct {
	Name    string `json:"name"`
	Site    int64  `json:"site"`
	Engine  string `json:"engine"`
	Gateway string `json:"gateway"`
	Data    string `json:"data"`
}

type toldSend struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Bytes    int64         `json:"bytes"`
	Arrived  []toldItem    `json:"arrived"`
	Verdicts []audit.Event `json:"audit"`
}

type toldItem struct {
	Kind    engine.Kind `json:"kind"`
	Name    string      `json:"name"`
	Size    int64       `json:"size"`
	SHA256  string      `json:"sha256"`
	Version int64       `json:"version"`
	Same    bool        `json:"same_as_sender"`
}

type toldAttack struct {
	Name    string      `json:"name"`
	Verdict audit.Event `json:"verdict"`
	Ran     int         `json:"engine_ran"`
}

func newStage(sh *shell) *stage { return &stage{sh: sh, paint: sh.paint(sh.out)} }

// title begins a part.
func (s *stage) title(format string, args ...any) error {
	if s.sh.json {
		return nil
	}
	return s.sh.printf("\n%s\n", s.paint.title(fmt.Sprintf(format, args...)))
}

// rows shows columns to people.
func (s *stage) rows(rows [][]string) error {
	if s.sh.json {
		return nil
	}
	for i, r := range rows {
		rows[i] = append([]string{"  " + r[0]}, r[1:]...)
	}
	return s.sh.table(rows)
}

func (s *stage) environments(all ...*environment) error {
	var rows [][]string
	for _, e := range all {
		s.told.Environments = append(s.told.Environments, toldPlace{e.name, e.site, "http://" +
			e.inner, e.url(), e.data()})
		rows = append(rows, []string{e.name, "gateway " + e.url(), "engine http://" + e.inner,
			"site " + strconv.FormatInt(e.site, 10)})
	}
	if err := s.title("Two environments, each an engine behind its own gateway"); err != nil {
		return err
	}
	return s.rows(rows)
}

func (s *stage) written(ctx context.Context, e *environment) error {
	items, err := e.engine.List(ctx, e.site)
	if err != nil {
		return err
	}
	if err := s.title("A site on %s", e.name); err != nil {
		return err
	}
	var rows [][]string
	for _, it := range items {
		rows = append(rows, []string{string(it.Kind), it.Name, size(it.Size)})
	}
	return s.rows(rows)
}

func (s *stage) publishing(from, to *environment, lar *engine.LAR) error {
	s.told.Publishes = append(s.told.Publishes, toldSend{From: from.name, To: to.name, Bytes: lar.Size})
	return s.title("Publishing from %s to %s: an archive of %s", from.name, to.name, size(lar.Size))
}

// progress is a bar on a terminal, and nothing elsewhere: what happened is shown afterwards.
func (s *stage) progress(total int64) display {
	if s.sh.json || !s.sh.terminal(s.sh.err) {
		return silence{}
	}
	return newBar(s.sh, total)
}

// arrived shows what the newest publish brought, as the receiving engine lists it, and what its
// gateway noted down.
func (s *stage) arrived(ctx context.Context, from, to *environment, events []audit.Event) error {
	items, err := arrivals(ctx, from, to)
	if err != nil {
		return err
	}
	send := &s.told.Publishes[len(s.told.Publishes)-1]
	send.Arrived, send.Verdicts = items, events
	if !s.sh.json {
		if err := s.sh.printf("  %s\n", s.paint.faint("arrived, says the engine of "+to.name)); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, it := range items {
		same := s.paint.bad("differs from " + from.name)
		if it.Same {
			same = s.paint.good("same bytes as on " + from.name)
		}
		rows = append(rows, []string{"  " + string(it.Kind), it.Name, size(it.Size), "version " +
			strconv.FormatInt(it.Version, 10), same})
	}
	if err := s.rows(rows); err != nil || s.sh.json {
		return err
	}
	if err := s.sh.printf("  %s\n",
		s.paint.faint("let through, says the audit log of "+to.name)); err != nil {
		return err
	}
	return s.rows(s.passed(events))
}

// arrivals returns the items that came with the receiver's newest publish.
func arrivals(ctx context.Context, from, to *environment) ([]toldItem, error) {
	publishes, err := to.engine.Publishes(ctx, to.site)
	if err != nil || len(publishes) == 0 {
		return nil, fmt.Errorf("%d publishes arrived at %s: %w", len(publishes), to.name, err)
	}
	sent, err := from.engine.List(ctx, from.site)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, it := range sent {
		digests[string(it.Kind)+it.UUID] = it.SHA256
	}
	items, err := to.engine.List(ctx, to.site)
	if err != nil {
		return nil, err
	}
	var out []toldItem
	for _, it := range items {
		if it.Kind != engine.Entry && it.Publish == publishes[len(publishes)-1].ID {
			same := digests[string(it.Kind)+it.UUID] == it.SHA256
			out = append(out, toldItem{it.Kind, it.Name, it.Size, it.SHA256, it.Version, same})
		}
	}
	return out, nil
}

// passed is one row for each kind of call that was let through, with how it ended.
func (s *stage) passed(events []audit.Event) [][]string {
	ends := map[string]audit.Event{}
	for _, ev := range eventsOf(events, audit.KindOutcome) {
		ends[ev.Ref] = ev
	}
	type tally struct {
		verdict audit.Verdict
		method  string
		calls   int
		bytes   int64
		micros  int64
		status  map[int]bool
	}
	var all []*tally
	for _, ev := range eventsOf(events, audit.KindVerdict) {
		m := short(ev.Method)
		if len(all) == 0 || all[len(all)-1].method != m || all[len(all)-1].verdict != ev.Verdict {
			all = append(all, &tally{verdict: ev.Verdict, method: m, status: map[int]bool{}})
		}
		t, end := all[len(all)-1], ends[ev.Ref]
		t.calls, t.bytes, t.micros = t.calls+1, t.bytes+end.BytesIn, t.micros+end.LatencyMicros
		t.status[end.Status] = true
	}
	var rows [][]string
	for _, t := range all {
		times := ""
		if t.calls > 1 {
			times = fmt.Sprintf("%d calls", t.calls)
		}
		rows = append(rows, []string{"  " + s.paint.good(string(t.verdict)), t.method, times,
			size(t.bytes), fmt.Sprintf("%.1f ms", float64(t.micros)/1000)})
	}
	return rows
}

// short is the name of a method without its service and parameters.
func short(signature string) string {
	_, after, ok := strings.Cut(signature, "#")
	if !ok {
		return signature
	}
	name, _, _ := strings.Cut(after, "(")
	return name
}

func (s *stage) attacking(e *environment) error { return s.title("Five attacks on %s", e.name) }

func (s *stage) stopped(a attack, verdict audit.Event, ran int) error {
	s.told.Attacks = append(s.told.Attacks, toldAttack{a.name, verdict, ran})
	if s.sh.json {
		return nil
	}
	engineSays := s.paint.good("the engine carried out nothing of it")
	if ran > 0 {
		engineSays = s.paint.bad("the engine carried out " + count(ran, "call"))
	}
	return s.sh.printf("  %s\n    %s at %s, %s:\n    %s\n    %s\n", a.name,
		s.paint.warn(string(verdict.Verdict)), verdict.Rule,
		verdict.Reason, wrap(plain(firstSentence(verdict.Detail)), 92, "    "), engineSays)
}

// firstSentence leaves out the cause that stands in parentheses for a log.
func firstSentence(s string) string {
	if i := strings.Index(s, " ("); i > 0 {
		return s[:i]
	}
	return s
}

// skipped says why an attack cannot be tried on this machine.
func (s *stage) skipped(a attack, why error) error {
	if s.sh.json {
		return nil
	}
	return s.sh.printf("  %s\n    %s: %v\n", a.name, s.paint.warn("not tried"), why)
}

// wrap breaks text at blanks so that no line is longer than width, unless a word is.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

func (s *stage) verified(e *environment, r audit.Report) error {
	s.told.Audit = &verified{r.OK(), r.Records, r.Checkpoints, uint64(r.FirstBad), r.Msg}
	if err := s.title("The audit log of %s", e.name); err != nil || s.sh.json {
		return err
	}
	word := s.paint.good("whole")
	if !r.OK() {
		word = s.paint.bad("damaged")
	}
	return s.sh.printf("  %s: %s\n", word, plain(r.Msg))
}

// keep says how to go on by hand.
func (s *stage) keep(e *environment, file string) error {
	publish := []string{program(), "publish", file, "--to", e.url(), "--site",
		strconv.FormatInt(e.site, 10), "--login", demoLogin,
		"--secret-file", e.secretFile(), "--hex", "--ca", e.ca}
	s.told.Publish = publish
	if err := s.title("Both go on until Ctrl-C. In another terminal:"); err != nil || s.sh.json {
		return err
	}
	return s.sh.printf("  %s\n  %s audit list --follow --data %s\n", strings.Join(publish, " "),
		program(), e.data())
}

// program is how this program was called, as far as one can tell.
func program() string {
	path, err := os.Executable()
	if err != nil || strings.Contains(path, "go-build") {
		return "go run ./cmd/stagelock"
	}
	return path
}

// end finishes the demo.
func (s *stage) end() error {
	s.told.OK = true
	for _, a := range s.told.Attacks {
		s.told.OK = s.told.OK && a.Ran == 0
	}
	if s.sh.json {
		return s.sh.print(s.told)
	}
	return s.sh.printf("\n")
}
