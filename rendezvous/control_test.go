package rendezvous_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// An edge that gives its lease back gets another, also if there is only one
// rendezvous, and what it has published is found meanwhile.
func TestDisconnect(t *testing.T) {
	for _, rdvs := range []int{0, 2} {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			x := newWorld(t, w, rdvs, 2, 3)
			e := x.edges[0].Net().Rendezvous()
			for range 3 {
				since := e.Status().Lease.Since
				if err := e.Disconnect(); err != nil {
					t.Fatal(err)
				}
				if got := search(t, x.edges[1], discovery.Query{Attr: "Name", Value: "news-*"}); len(got) != x.count {
					t.Errorf("without a lease %d of %d are found", len(got), x.count)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				if err := e.Await(ctx); err != nil {
					t.Fatalf("no other lease: %v", err)
				}
				cancel()
				if st := e.Status(); st.Rendezvous || st.Lease == nil || !st.Lease.Since.After(since) {
					t.Errorf("afterwards: %+v", st)
				}
				// A walk that passes by while the entries move from one home to the next
				// may see them at neither.
				w.Until(time.Second, "all is found", func() bool {
					return len(search(t, x.edges[1], discovery.Query{Attr: "Name", Value: "news-*"})) == x.count
				})
			}
			if err := x.seed.Net().Rendezvous().Disconnect(); !errors.Is(err, rendezvous.ErrRole) {
				t.Errorf("a rendezvous: %v", err)
			}
		})
	}
}

func TestAwait(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p := start(w, "alone", rendezvous.Edge)
		s := p.Net().Rendezvous()
		settle(t, p)
		if err := s.Disconnect(); !errors.Is(err, rendezvous.ErrNoRendezvous) {
			t.Errorf("without a lease: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("alone: %v", err)
		}
		time.AfterFunc(time.Hour, func() { _ = s.SetRole(rendezvous.Rendezvous) })
		begun := time.Now()
		if err := s.Await(t.Context()); err != nil || time.Since(begun) != time.Hour {
			t.Errorf("a rendezvous after %v: %v", time.Since(begun), err)
		}
		_ = s.SetRole(rendezvous.Edge)
		time.AfterFunc(time.Second, func() { w.Stop(p) })
		if err := s.Await(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}
