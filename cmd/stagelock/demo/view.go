package demo

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/audit/proof"
	"github.com/stagelock/stagelock/integration/engine"
)

// view shows the demo: to people while it goes on, to scripts at its end.
type view struct {
	sh     *term.Shell
	paint  term.Palette
	report Report
}

func newView(sh *term.Shell) *view { return &view{sh: sh, paint: sh.Paint(sh.Out)} }

// title begins a part.
func (v *view) title(format string, args ...any) error {
	if v.sh.JSON {
		return nil
	}
	return v.sh.Printf("\n%s\n", v.paint.Title(fmt.Sprintf(format, args...)))
}

// rows shows columns to people.
func (v *view) rows(rows [][]string) error {
	if v.sh.JSON {
		return nil
	}
	for i, r := range rows {
		rows[i] = append([]string{"  " + r[0]}, r[1:]...)
	}
	return v.sh.Table(rows)
}

func (v *view) environments(all ...*Environment) error {
	var rows [][]string
	for _, e := range all {
		v.report.Environments = append(v.report.Environments, EnvironmentReport{e.name, e.site, "http://" +
			e.inner, e.URL(), string(e.Data())})
		rows = append(rows, []string{e.name, "gateway " + e.URL(), "engine http://" + e.inner,
			"site " + strconv.FormatInt(e.site, 10)})
	}
	if err := v.title("Two environments, each an engine behind its own gateway"); err != nil {
		return err
	}
	return v.rows(rows)
}

func (v *view) written(ctx context.Context, e *Environment) error {
	items, err := e.Engine.List(ctx, e.site)
	if err != nil {
		return err
	}
	if err := v.title("A site on %s", e.name); err != nil {
		return err
	}
	var rows [][]string
	for _, it := range items {
		rows = append(rows, []string{string(it.Kind), it.Name, term.Size(it.Size)})
	}
	return v.rows(rows)
}

func (v *view) publishing(from, to *Environment, lar *engine.LAR) error {
	v.report.Publishes = append(v.report.Publishes, PublishReport{From: from.name, To: to.name, Bytes: lar.Size})
	return v.title("Publishing from %s to %s: an archive of %s", from.name, to.name, term.Size(lar.Size))
}

// progress is a bar on a terminal, and nothing elsewhere: what happened is shown afterwards.
func (v *view) progress(total int64) term.Display {
	return v.sh.NewBar(total)
}

// arrived shows what the newest publish brought, as the receiving engine lists it, and what its
// gateway noted down.
func (v *view) arrived(ctx context.Context, from, to *Environment, events []audit.Event) error {
	items, err := arrivals(ctx, from, to)
	if err != nil {
		return err
	}
	send := &v.report.Publishes[len(v.report.Publishes)-1]
	send.Arrived, send.Verdicts = items, events
	if !v.sh.JSON {
		if err := v.sh.Printf("  %s\n", v.paint.Faint("arrived, says the engine of "+to.name)); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, it := range items {
		same := v.paint.Bad("differs from " + from.name)
		if it.Same {
			same = v.paint.Good("same bytes as on " + from.name)
		}
		rows = append(rows, []string{"  " + string(it.Kind), it.Name, term.Size(it.Size), "version " +
			strconv.FormatInt(it.Version, 10), same})
	}
	if err := v.rows(rows); err != nil || v.sh.JSON {
		return err
	}
	if err := v.sh.Printf("  %s\n",
		v.paint.Faint("let through, says the audit log of "+to.name)); err != nil {
		return err
	}
	return v.rows(v.passed(events))
}

// arrivals returns the items that came with the receiver's newest publish.
func arrivals(ctx context.Context, from, to *Environment) ([]ItemReport, error) {
	publishes, err := to.Engine.Publishes(ctx, to.site)
	if err != nil || len(publishes) == 0 {
		return nil, fmt.Errorf("%d publishes arrived at %s: %w", len(publishes), to.name, err)
	}
	sent, err := from.Engine.List(ctx, from.site)
	if err != nil {
		return nil, err
	}
	digests := map[string]string{}
	for _, it := range sent {
		digests[string(it.Kind)+it.UUID] = it.SHA256
	}
	items, err := to.Engine.List(ctx, to.site)
	if err != nil {
		return nil, err
	}
	var out []ItemReport
	for _, it := range items {
		if it.Kind != engine.Entry && it.Publish == publishes[len(publishes)-1].ID {
			same := digests[string(it.Kind)+it.UUID] == it.SHA256
			out = append(out, ItemReport{it.Kind, it.Name, it.Size, it.SHA256, it.Version, same})
		}
	}
	return out, nil
}

// passed is one row for each kind of call that was let through, with how it ended.
func (v *view) passed(events []audit.Event) [][]string {
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
		rows = append(rows, []string{"  " + v.paint.Good(string(t.verdict)), t.method, times,
			term.Size(t.bytes), fmt.Sprintf("%.1f ms", float64(t.micros)/1000)})
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

func (v *view) attacking(e *Environment) error { return v.title("Five attacks on %s", e.name) }

func (v *view) stopped(a attack, verdict audit.Event, ran int) error {
	v.report.Attacks = append(v.report.Attacks, AttackReport{a.name, verdict, ran})
	if v.sh.JSON {
		return nil
	}
	engineSays := v.paint.Good("the engine carried out nothing of it")
	if ran > 0 {
		engineSays = v.paint.Bad("the engine carried out " + term.Count(ran, "call"))
	}
	return v.sh.Printf("  %s\n    %s at %s, %s:\n    %s\n    %s\n", a.name,
		v.paint.Warn(string(verdict.Verdict)), verdict.Rule,
		verdict.Reason, wrap(term.Plain(firstSentence(verdict.Detail)), 92, "    "), engineSays)
}

// firstSentence leaves out the cause that stands in parentheses for a log.
func firstSentence(s string) string {
	if i := strings.Index(s, " ("); i > 0 {
		return s[:i]
	}
	return s
}

// skipped says why an attack cannot be tried on this machine.
func (v *view) skipped(a attack, why error) error {
	if v.sh.JSON {
		return nil
	}
	return v.sh.Printf("  %s\n    %s: %v\n", a.name, v.paint.Warn("not tried"), why)
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

func (v *view) verified(e *Environment, r proof.Report) error {
	v.report.Audit = &AuditReport{r.OK(), r.Records, r.Checkpoints, uint64(r.FirstBad), r.Msg}
	if err := v.title("The audit log of %s", e.name); err != nil || v.sh.JSON {
		return err
	}
	word := v.paint.Good("whole")
	if !r.OK() {
		word = v.paint.Bad("damaged")
	}
	return v.sh.Printf("  %s: %s\n", word, term.Plain(r.Msg))
}

// keep says how to go on by hand.
func (v *view) keep(e *Environment, file string) error {
	publish := []string{program(), "publish", file, "--to", e.URL(), "--site",
		strconv.FormatInt(e.site, 10), "--login", demoLogin,
		"--secret-file", e.SecretFile(), "--hex", "--ca", e.CA}
	v.report.Publish = publish
	if err := v.title("Both go on until Ctrl-C. In another terminal:"); err != nil || v.sh.JSON {
		return err
	}
	return v.sh.Printf("  %s\n  %s audit list --follow --data %s\n", strings.Join(publish, " "),
		program(), e.Data())
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
func (v *view) end() error {
	v.report.OK = true
	for _, a := range v.report.Attacks {
		v.report.OK = v.report.OK && a.Ran == 0
	}
	if v.sh.JSON {
		return v.sh.Print(v.report)
	}
	return v.sh.Printf("\n")
}
