package visit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/stagelock/stagelock/gateway/audit"
	"github.com/stagelock/stagelock/gateway/visit"
	"github.com/stagelock/stagelock/policy/hosts"
	"github.com/stagelock/stagelock/policy/quota"
	"github.com/stagelock/stagelock/store"
	"github.com/stagelock/stagelock/tunnel"
)

// kept is an audit log that keeps what it can.
type kept struct {
	mu     sync.Mutex
	events []audit.Event
	fail   error
}

func (k *kept) Append(_ context.Context, ev audit.Event) (store.Seq, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return 0, k.fail
	}
	k.events = append(k.events, ev)
	return store.Seq(len(k.events)), nil
}

func (k *kept) AppendSoon(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return k.Append(ctx, ev)
}

func (k *kept) Write(ctx context.Context, ev audit.Event) (store.Seq, error) {
	return k.Append(ctx, ev)
}

func (k *kept) breaks(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

// of returns the details of what is kept of a kind.
func (k *kept) of(kind audit.Kind) (details []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ev := range k.events {
		if ev.Kind == kind {
			details = append(details, ev.Detail)
		}
	}
	return details
}

const balancer = "10.0.0.1"

// refusing returns Visits over k, and what refuses one by that method from the balancer's own address.
func refusing(t *testing.T, k *kept, q quota.Config) (*visit.Visits, func(method string)) {
	t.Helper()
	quiet := logrus.New()
	quiet.SetOutput(io.Discard)
	v, err := visit.New(visit.Config{Audit: k, Log: logrus.NewEntry(quiet), Now: time.Now, Strangers: func() int { return 100 }})
	if err != nil {
		t.Fatal(err)
	}
	allowed, _ := hosts.New(hosts.Config{Allow: []string{balancer}})
	proxies, _ := hosts.NewProxies([]string{balancer})
	none, _ := hosts.NewProxies(nil)
	q.Tracked = 100
	rules := &visit.Rules{Hosts: allowed, Proxies: proxies, Senders: none, Own: allowed, Quota: quota.New(q)}
	return v, func(method string) {
		one := v.Open(netip.MustParseAddrPort(balancer+":4000"), rules)
		one.Method = method
		one.Deny(t.Context(), nil, &tunnel.Problem{Code: tunnel.BadRequest, Reason: visit.ReasonHost, Msg: "refused"}, "head")
	}
}

// TestOnlyChecksOfABalancerAreSummedUp: a request that was refused before its method was looked at, as one in
// chunks, counted as a check of the balancer that it came through.
func TestOnlyChecksOfABalancerAreSummedUp(t *testing.T) {
	for method, want := range map[string]int{"GET": 1, "HEAD": 1, "OPTIONS": 1, "POST": 5, "PUT": 5, "post": 5, "": 5} {
		k := &kept{}
		v, refuse := refusing(t, k, quota.Config{AddressRate: 1000, AddressBurst: 1000})
		for range 5 {
			refuse(method)
		}
		if checks := v.Checks(); (checks == 5) != (want == 1) || checks != 0 && checks != 5 {
			t.Errorf("%d of 5 refusals of %q are checks of a balancer", checks, method)
		}
		if n := len(k.of(audit.KindVerdict)); n != want {
			t.Errorf("%d records of 5 refusals of %q, want %d", n, method, want)
		}
	}
}

// TestAFloodOfAnAllowedAddressIsSummedUp: what had no record of its own was in the log nowhere.
func TestAFloodOfAnAllowedAddressIsSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &kept{}
		v, refuse := refusing(t, k, quota.Config{AddressRate: 0.001, AddressBurst: 2, FailureCost: 1})
		for range 10 {
			refuse("POST")
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.Run(ctx) }()
		k.breaks(errors.New("input/output error"))
		<-time.After(90 * time.Second) // a summary that cannot be written
		k.breaks(nil)
		<-time.After(time.Minute)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		own := len(k.of(audit.KindVerdict))
		want := fmt.Sprintf("%d more refusals without a record of their own", 10-own)
		if got := k.of(audit.KindSummary); own == 0 || own == 10 || len(got) != 1 || got[0] != want {
			t.Errorf("%d records, summed up as %q", own, got)
		}
	})
}
