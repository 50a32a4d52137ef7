package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stagelock/stagelock/archive/parts"
	"github.com/stagelock/stagelock/integration/engine"
)

// An import that is held before its transaction keeps nobody waiting.
func TestOtherCallsGoOnDuringAnImport(t *testing.T) {
	for _, point := range []string{"begin", "checked", "entry", "unpacked"} {
		t.Run(point, func(t *testing.T) {
			held, let := make(chan struct{}), make(chan struct{})
			var once sync.Once
			cfg := config(t.TempDir(), "6011")
			cfg.Now = frozen
			cfg.Pause = func(p string) {
				if p == "publishStagingRequest:"+point {
					once.Do(func() { close(held); <-let })
				}
			}
			e := newEngine(t, cfg)
			populate(t, e)
			lar := readFile(t, larFiles(t)[0])
			id := send(t, e, lar, parts.DefaultBuffer)
			done := make(chan error, 1)
			go func() {
				_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
				done <- err
			}()
			<-held
			must(t, e.CheckRemoteStagingGroup(t.Context(), publisher, site))
			send(t, e, readFile(t, larFiles(t)[1]), 1000)
			if all, err := e.Publishes(t.Context(), site); err != nil || len(all) != 0 {
				t.Errorf("a held import shows %d publishes, error %v", len(all), err)
			}
			close(let)
			must(t, <-done)
			compareArrived(t, e, lastPublish(t, e).ID, lar)
		})
	}
}

// Calls that only read need no write transaction: they are answered while an import holds the only
// one that there is, and stand in the ledger before what is written next.
func TestReadsGoOnDuringAWriteTransaction(t *testing.T) {
	cfg := config(t.TempDir(), "6011")
	cfg.Now = frozen
	var e *engine.Engine
	var during error
	cfg.Pause = func(p string) {
		if p == "publishStagingRequest:half-applied" {
			_, err := e.Group(t.Context(), publisher, site)
			_, err2 := e.HasRemoteLayout(t.Context(), publisher, "u", site, false)
			_, err3 := e.Export(t.Context(), site, engine.ExportOptions{})
			during = errors.Join(err, err2, err3)
		}
	}
	e = newEngine(t, cfg)
	populate(t, e)
	lar := readFile(t, larFiles(t)[0])
	id := send(t, e, lar, parts.DefaultBuffer)
	_, err := e.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	must(t, errors.Join(err, during))
	must(t, e.CleanUpStagingRequest(t.Context(), publisher, id))
	want := []string{"createStagingRequest ok", "updateStagingRequest ok", "publishStagingRequest ok",
		"getGroup ok", "hasRemoteLayout ok", "cleanUpStagingRequest ok"}
	if got := methods(t, e); !slices.Equal(got, want) {
		t.Errorf("ledger %q, want %q", got, want)
	}
}

// Two processes may have one folder open: the second one's start sweeps away nothing of the first.
func TestASecondEngineLeavesTheFirstsFilesAlone(t *testing.T) {
	dir := t.TempDir()
	first := newEngine(t, config(dir, "6011"))
	populate(t, first)
	lar := readFile(t, larFiles(t)[0])
	id, err := first.CreateStagingRequest(t.Context(), publisher, site, md5Of(lar))
	must(t, err)
	part := spool(t, first, lar)
	second := newEngine(t, config(dir, "6011"))
	must(t, first.UpdateStagingRequest(t.Context(), publisher, id, "l.lar00", part))
	_, err = second.PublishStagingRequest(t.Context(), publisher, id, configurationFor(t, lar))
	must(t, err)
	compareArrived(t, first, lastPublish(t, first).ID, lar)
}

func TestConcurrentPublishes(t *testing.T) {
	cfg := config(t.TempDir(), "6011")
	cfg.Now = frozen
	e := newEngine(t, cfg)
	populate(t, e)
	files := larFiles(t)
	ids := make([]int64, len(files))
	for i, f := range files {
		ids[i] = send(t, e, readFile(t, f), parts.DefaultBuffer)
	}
	var wg sync.WaitGroup
	for i, f := range files {
		lar := readFile(t, f)
		conf := configurationFor(t, lar)
		wg.Go(func() {
			if _, err := e.PublishStagingRequest(t.Context(), publisher, ids[i], conf); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := e.Publishes(t.Context(), site)
	must(t, err)
	arrived := map[string]engine.Publish{}
	for _, p := range all {
		arrived[fmt.Sprint(p.Request)] = p
	}
	for i, f := range files {
		compareArrived(t, e, arrived[fmt.Sprint(ids[i])].ID, readFile(t, f))
	}
}

// A request that is cleaned up while its publish runs ends that publish one way or the other, never half.
func TestCleanUpDuringAPublish(t *testing.T) {
	cfg := config(t.TempDir(), "6011")
	cfg.Now = frozen
	var e *engine.Engine
	var cleaned error
	cfg.Pause = func(p string) {
		if p == "publishStagingRequest:begin" {
			cleaned = e.CleanUpStagingRequest(t.Context(), publisher, 31001)
		}
	}
	e = newEngine(t, cfg)
	populate(t, e)
	lar := readFile(t, larFiles(t)[0])
	_, err := e.PublishStagingRequest(t.Context(), publisher, send(t, e, lar, 1000), configurationFor(t, lar))
	if cleaned != nil || err == nil {
		t.Errorf("clean-up: %v, publish: %v", cleaned, err)
	}
	if all, err := e.Publishes(t.Context(), site); err != nil || len(all) != 0 {
		t.Errorf("%d publishes, error %v", len(all), err)
	}
}
