package outage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stagelock/stagelock/store/postgres/outage"
)

const least, most = 5 * time.Second, 30 * time.Second

var errLate = fmt.Errorf("statement: %w", context.DeadlineExceeded)

// took lets an attempt go by.
func took(p *outage.Pace, d time.Duration, err error) {
	<-time.After(d)
	p.Took(d, err)
}

// late lets an attempt take all its time, in vain.
func late(p *outage.Pace) { took(p, p.Limit(), errLate) }

func TestPace(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(p *outage.Pace)
		want time.Duration
	}{
		{"at first", func(*outage.Pace) {}, least},
		{"nobody ever answered", func(p *outage.Pace) { late(p); late(p) }, least},
		{"a server that answers, slowly", func(p *outage.Pace) { took(p, 2*time.Second, nil); late(p) }, 2 * least},
		{"a server that answers meanwhile", func(p *outage.Pace) {
			for range 5 {
				took(p, 2*time.Second, nil)
				p.Took(p.Limit(), errLate) // beside it
			}
		}, most},
		{"a server that does not answer any more", func(p *outage.Pace) {
			took(p, time.Millisecond, nil)
			for range 10 {
				late(p)
			}
		}, 2 * least},
		{"a caller that was in a hurry", func(p *outage.Pace) { took(p, time.Second, nil); took(p, time.Second, errLate) }, least},
		{"a connection that broke", func(p *outage.Pace) {
			took(p, time.Second, nil)
			took(p, 9*time.Second, errors.New("connection reset"))
		}, least},
		{"quick answers soon after", func(p *outage.Pace) {
			took(p, time.Second, nil)
			late(p)
			took(p, time.Millisecond, nil)
		}, 2 * least},
		{"as much is needed again and again", func(p *outage.Pace) {
			took(p, time.Second, nil)
			late(p)
			for range 20 {
				took(p, 7*time.Second, nil)
			}
		}, 2 * least},
		{"quick answers for a while", func(p *outage.Pace) {
			took(p, time.Second, nil)
			late(p)
			for range 62 {
				took(p, time.Second, nil)
			}
		}, least},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := outage.NewPace(least, most)
				tt.do(p)
				if got := p.Limit(); got != tt.want {
					t.Errorf("an attempt may take %v, want %v", got, tt.want)
				}
			})
		})
	}
}
