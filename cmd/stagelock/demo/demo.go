package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/stagelock/stagelock/cmd/stagelock/commands/flags"
	"github.com/stagelock/stagelock/cmd/stagelock/demo/fleet"
	"github.com/stagelock/stagelock/cmd/stagelock/demo/star"
	"github.com/stagelock/stagelock/cmd/stagelock/term"
	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// What the demo's environments have in common.
const (
	demoLogin   = "publisher@example.com"
	stagingSite = 20121
	liveSite    = 20143
	otherSite   = 20500   // on live, and nobody may publish into it
	brochure    = "12MiB" // long enough for a bar that moves
	demoBuffer  = 2 << 20
)

// Command returns the command.
func Command(sh *term.Shell) *cli.Command {
	return &cli.Command{
		Name: "demo",
		Usage: "show a publish from a staging to a live environment and back, and five " +
			"attacks, all on this machine",
		Description: "Two environments start in a temporary folder, each a reference engine " +
			"behind its own gateway.\n" +
			"What is printed comes from the engines and from the gateways' audit logs.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "keep",
				Usage: "leave both environments running, and say how to publish to them"},
			&cli.BoolFlag{Name: "cluster",
				Usage: "show two gateways that share PostgreSQL instead: one is killed, the database stops, both are restarted"},
			&cli.BoolFlag{Name: "sync",
				Usage: "show four environments that keep each other alike instead: an edit arrives everywhere, two at once, one is off"},
			&cli.StringFlag{Name: "brochure", Value: brochure,
				Usage: "length of the largest document that is published"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: func(c *cli.Context) error { return show(sh, c) },
	}
}

// demo is one run of the demo.
type demo struct {
	sh            *term.Shell
	dir           string
	staging, live *Environment
	show          *view
	brochure      int64 // length of the largest document
}

func show(sh *term.Shell, c *cli.Context) (err error) {
	if _, err := flags.Operands(c); err != nil {
		return err
	}
	length, err := flags.ParseSize(c.String("brochure"))
	if err != nil {
		return flags.Misused(c, "--brochure: %v", err)
	}
	if c.Bool("cluster") && c.Bool("sync") {
		return flags.Misused(c, "say either --cluster or --sync")
	}
	if c.Bool("keep") && (c.Bool("cluster") || c.Bool("sync")) {
		return flags.Misused(c, "--keep goes with neither --cluster nor --sync: they leave nothing running")
	}
	if c.Bool("cluster") {
		if !c.IsSet("brochure") {
			length = fleet.Length
		}
		return fleet.Show(c.Context, sh, length)
	}
	if c.Bool("sync") {
		return star.Show(c.Context, sh)
	}
	dir, err := os.MkdirTemp("", "stagelock-demo-")
	if err != nil {
		return &term.OutputError{Err: err}
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d := &demo{sh: sh, dir: dir, show: newView(sh), brochure: length}
	err = d.run(c.Context, c.Bool("keep"))
	if term.Stopped(c.Context, err) || errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// errEnough ends a demo that was kept until its user stopped it.
var errEnough = errors.New("stopped by its user")

func (d *demo) run(ctx context.Context, keep bool) (err error) {
	defer func() { err = errors.Join(err, d.stop()) }()
	for _, step := range []func(context.Context) error{d.start, d.author, d.forth, d.back, d.attack} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if keep {
		if err := d.example(ctx); err != nil {
			return err
		}
	}
	if err := d.show.end(); err != nil || !keep {
		return err
	}
	<-ctx.Done()
	return errEnough
}

// start brings up both environments.
func (d *demo) start(ctx context.Context) (err error) {
	if d.staging, err = NewEnvironment(ctx, d.sh, filepath.Join(d.dir, "staging"), "staging", "live",
		stagingSite); err != nil {
		return err
	}
	if d.live, err = NewEnvironment(ctx, d.sh, filepath.Join(d.dir, "live"), "live", "staging",
		liveSite); err != nil {
		return err
	}
	if _, err = d.live.Engine.CreateSite(ctx, engine.Site{ID: otherSite, Name: "Intranet"}); err != nil {
		return err
	}
	return d.show.environments(d.staging, d.live)
}

func (d *demo) stop() error {
	var errs []error
	for _, e := range []*Environment{d.live, d.staging} {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	return errors.Join(errs...)
}

// author writes a site on staging.
func (d *demo) author(ctx context.Context) error {
	e := d.staging.Engine
	logo, err := e.AddDocument(ctx, stagingSite, "logo.svg", "image/svg+xml",
		strings.NewReader(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4" cy="4" r="4"/></svg>`))
	if err != nil {
		return err
	}
	noise := rand.NewChaCha8([32]byte{1}) // content that does not shrink
	pdf := io.LimitReader(noise, d.brochure)
	if _, err := e.AddDocument(ctx, stagingSite, "brochure.pdf", "application/pdf", pdf); err != nil {
		return err
	}
	spring, err := e.AddArticle(ctx, stagingSite, "Spring collection", "<p>New this week.</p>",
		engine.Ref{Kind: engine.Document, UUID: logo.UUID, Name: logo.Name})
	if err != nil {
		return err
	}
	if _, err := e.AddArticle(ctx, stagingSite, "Opening hours",
		"<p>Monday to Friday, 9 to 17.</p>"); err != nil {
		return err
	}
	home, err := e.AddPage(ctx, stagingSite, "Home", "Welcome.", engine.PageOptions{
		Refs: []engine.Ref{{Kind: engine.Article, UUID: spring.UUID, Name: spring.Name}},
	})
	if err != nil {
		return err
	}
	_, err = e.AddPage(ctx, stagingSite, "Contact", "Write to us.", engine.PageOptions{Parent: home.UUID})
	if err != nil {
		return err
	}
	return d.show.written(ctx, d.staging)
}

// forth publishes everything to live.
func (d *demo) forth(ctx context.Context) error {
	return d.send(ctx, d.staging, d.live, engine.ExportOptions{})
}

// back changes a page on live and publishes what was changed to staging.
func (d *demo) back(ctx context.Context) error {
	items, err := d.live.Engine.List(ctx, liveSite)
	if err != nil {
		return err
	}
	all, err := d.live.Engine.Export(ctx, liveSite, engine.ExportOptions{})
	if err != nil {
		return err
	}
	// Both sides have all of this: what is sent back begins behind it.
	if err := errors.Join(d.live.Engine.Published(ctx, all.Summary), os.Remove(all.Path)); err != nil {
		return err
	}
	for _, it := range items {
		if it.Kind != engine.Page || it.Name != "Home" {
			continue
		}
		if _, err := d.live.Engine.UpdatePage(ctx, liveSite, false, it.UUID,
			"Welcome. We are closed on Monday."); err != nil {
			return err
		}
	}
	return d.send(ctx, d.live, d.staging, engine.ExportOptions{SinceLastPublish: true})
}

// send publishes a site's export from one environment to the other, and shows what arrived and what
// was noted down.
func (d *demo) send(ctx context.Context, from, to *Environment, opt engine.ExportOptions) error {
	lar, err := from.Engine.Export(ctx, from.site, opt)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(lar.Path) }() // the whole folder goes later
	f, err := os.Open(lar.Path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	if err := d.show.publishing(from, to, lar); err != nil {
		return err
	}
	mark, err := to.mark(ctx)
	if err != nil {
		return err
	}
	progress := d.show.progress(lar.Size)
	client, err := to.client(func(c *publisher.Config) { c.Progress = progress.Update })
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	_, err = client.Publish(ctx, f, lar.Size)
	progress.Close()
	if err != nil {
		return err
	}
	if err := from.Engine.Published(ctx, lar.Summary); err != nil {
		return err
	}
	events, err := to.calls(ctx, mark)
	if err != nil {
		return err
	}
	return d.show.arrived(ctx, from, to, events)
}

// attack tries what must not pass, and shows where it ended.
func (d *demo) attack(ctx context.Context) error {
	if err := d.show.attacking(d.live); err != nil {
		return err
	}
	for _, a := range attacks {
		if err := d.attempt(ctx, a); err != nil {
			return fmt.Errorf("attack %q: %w", a.name, err)
		}
	}
	report, err := d.live.verify(ctx)
	if err != nil {
		return err
	}
	return d.show.verified(d.live, report)
}

// attempt makes one attack, and shows the verdict of the audit log and what the engine says that it
// carried out.
func (d *demo) attempt(ctx context.Context, a attack) error {
	before, err := d.live.Engine.Ledger(ctx)
	if err != nil {
		return err
	}
	mark, err := d.live.mark(ctx)
	if err != nil {
		return err
	}
	failure, err := a.try(ctx, d.live)
	if errors.Is(err, errUntried) {
		return d.show.skipped(a, err)
	}
	if err != nil {
		return err
	}
	verdict, err := d.live.denied(ctx, mark, failure.Reference)
	if err != nil {
		return err
	}
	after, err := d.live.Engine.Ledger(ctx)
	if err != nil {
		return err
	}
	return d.show.stopped(a, verdict, ranSince(before, after, a.method))
}

// ranSince counts how often the engine carried out the method meanwhile.
func ranSince(before, after []engine.Execution, method string) int {
	n := 0
	for _, x := range after[len(before):] {
		if x.Method == method {
			n++
		}
	}
	return n
}

// example leaves an archive for the user and says how to publish it.
func (d *demo) example(ctx context.Context) error {
	lar, err := d.staging.Engine.Export(ctx, stagingSite, engine.ExportOptions{})
	if err != nil {
		return err
	}
	file := filepath.Join(d.dir, "site.lar")
	if err := os.Rename(lar.Path, file); err != nil {
		return err
	}
	return d.show.keep(d.live, file)
}

// eventsOf returns the verdicts among events.
func eventsOf(events []audit.Event, kind audit.Kind) []audit.Event {
	var out []audit.Event
	for _, ev := range events {
		if ev.Kind == kind {
			out = append(out, ev)
		}
	}
	return out
}
