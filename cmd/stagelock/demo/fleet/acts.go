package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stagelock/stagelock/integration/engine"
	"github.com/stagelock/stagelock/tunnel/publisher"
)

// pause is how long the database stops.
const pause = 5 * time.Second

// archive is an export of a staging site whose document has that length.
func (f *fleet) archive(ctx context.Context, dir string, seed byte, length int64) ([]byte, error) {
	e, err := engine.New(engine.Config{Dir: dir, Build: "7413", Line: "7.4", CompanyID: 20097, Now: f.sh.Now})
	if err != nil {
		return nil, err
	}
	defer func() { _ = e.Close() }()
	if _, err := e.CreateSite(ctx, engine.Site{ID: 20121, Name: "Shop", FriendlyURL: "/shop"}); err != nil {
		return nil, err
	}
	noise := io.LimitReader(rand.NewChaCha8([32]byte{seed}), length)
	if _, err := e.AddDocument(ctx, 20121, fmt.Sprintf("brochure-%d.pdf", seed), "application/pdf", noise); err != nil {
		return nil, err
	}
	lar, err := e.Export(ctx, 20121, engine.ExportOptions{})
	if err != nil {
		return nil, err
	}
	return os.ReadFile(lar.Path)
}

// publish sends an archive through HAProxy; tell is told how far it came.
func (f *fleet) publish(ctx context.Context, lar []byte, buffer int64, tell func(publisher.Progress)) error {
	c, err := publisher.New(publisher.Config{
		URL: &url.URL{Scheme: "https", Host: host}, Build: "7.4", Login: login, Site: site, Buffer: buffer, Roots: f.roots,
		Authorize: func(login string) string { return f.key.Authorization(login, true, false) },
		Progress:  tell, Patience: time.Minute,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, f.front)
		},
	})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = c.Publish(ctx, bytes.NewReader(lar), int64(len(lar)))
	return err
}

// within calls do once, as soon as the upload is in the middle of part number part.
func within(part int, do func()) func(publisher.Progress) {
	var once sync.Once
	return func(p publisher.Progress) {
		if p.Stage == publisher.StageUpload && p.Part >= part && p.Done > 0 {
			once.Do(do)
		}
	}
}

// killOne publishes, and kills the gateway that has a part under way.
func (f *fleet) killOne(ctx context.Context, lar []byte, buffer int64) (killed string, err error) {
	var fault error
	err = f.publish(ctx, lar, buffer, within(6, func() {
		g := f.busy(ctx)
		killed = g.name
		g.kill()
	}))
	if killed == "" {
		fault = errors.New("the upload was over before a gateway could be killed")
	}
	if err := errors.Join(err, fault); err != nil {
		return killed, err
	}
	for _, g := range f.gates {
		if g.name == killed {
			err = g.launch()
		}
	}
	return killed, err
}

// busy returns the gateway whose log has the newest record: it has the publisher's connection.
func (f *fleet) busy(ctx context.Context) *gate {
	newest, at := f.gates[0], time.Time{}
	for _, g := range f.gates {
		if last := f.lastVerdict(ctx, g.name); last.After(at) {
			newest, at = g, last
		}
	}
	return newest
}

// stopDatabase publishes, and stops the database in the middle of it.
func (f *fleet) stopDatabase(ctx context.Context, lar []byte, buffer int64) error {
	var back chan error // nil until the database stops
	err := f.publish(ctx, lar, buffer, within(6, func() {
		f.server.Stop()
		back = make(chan error, 1)
		go func() {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			back <- f.server.Run()
		}()
	}))
	if back == nil {
		return errors.Join(err, errors.New("the upload was over before the database could be stopped"))
	}
	select {
	case again := <-back:
		err = errors.Join(err, again)
	case <-ctx.Done():
		err = errors.Join(err, context.Cause(ctx))
	}
	return err
}

// roll restarts the gateways one after the other while publishers publish.
func (f *fleet) roll(ctx context.Context, publishers int) (published, failed int64, err error) {
	for _, g := range f.gates { // a balancer that still holds one for down has nothing left when the other goes
		if err := f.awaitMember(ctx, g); err != nil {
			return 0, 0, err
		}
	}
	stop := make(chan struct{})
	var good, bad atomic.Int64
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				lar, err := f.archive(ctx, fmt.Sprintf("%s/load-%d-%d", f.dir, i, n), byte(10+i), int64(2000+n))
				if err == nil {
					err = f.publish(ctx, lar, 1000, nil)
				}
				if err != nil {
					bad.Add(1)
					continue
				}
				good.Add(1)
			}
		})
	}
	for _, g := range f.gates {
		if err = g.restart(); err != nil {
			break
		}
		if err = f.awaitMember(ctx, g); err != nil {
			break
		}
	}
	close(stop)
	wg.Wait()
	return good.Load(), bad.Load(), err
}

// awaitMember waits until a gateway is a member again, a publish would pass, and HAProxy had time to see it.
func (f *fleet) awaitMember(ctx context.Context, g *gate) error {
	for range 200 {
		all, err := f.db.Members().Members(ctx)
		if err != nil {
			return err
		}
		for _, m := range all {
			if m.Node == g.name && !m.Over && g.ready(ctx) {
				select {
				case <-time.After(4 * time.Second):
				case <-ctx.Done():
				}
				return ctx.Err()
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errors.New(g.name + " does not come back")
}
