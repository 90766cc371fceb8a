package resolver_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// overlay is some rendezvous and edges that have come to rest.
func overlay(w *testnet.World, rdvs, edges int) (r, e []*peer.Peer) {
	cfg := func(name string, role rendezvous.Role) *peer.Config {
		c := &peer.Config{Name: name, Role: role, NoDHT: true}
		if len(r) > 0 {
			c.Seeds = r[0].Addrs()
		}
		return c
	}
	for i := range rdvs {
		r = append(r, w.StartConfig(cfg(fmt.Sprint("rdv", i), rendezvous.Rendezvous)))
	}
	for i := range edges {
		e = append(e, w.StartConfig(cfg(fmt.Sprint("edge", i), rendezvous.Edge)))
	}
	w.Until(time.Minute, "all are in their places", func() bool {
		clients := 0
		for _, p := range r {
			st := p.Net().Rendezvous().Status()
			clients += len(st.Clients)
			if len(st.Members) != rdvs {
				return false
			}
		}
		return clients == edges
	})
	time.Sleep(10 * time.Second)
	return r, e
}

func TestEverybodyAnswersOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		r, e := overlay(w, 4, 31)
		for _, p := range e {
			p.Net().Resolver().Handle("name", say(p.Name()))
		}
		check := func(asker *peer.Peer, want []*peer.Peer) {
			t.Helper()
			begun := time.Now()
			got, errs := ask(t.Context(), asker, id.Peer{}, "name", "")
			if len(errs) > 0 || len(got) != len(want) || time.Since(begun) > 8*latency {
				t.Errorf("%s asks: answers of %d, errors %v, after %v", asker.Name(), len(got), errs, time.Since(begun))
			}
			for _, p := range want {
				if a := got[p.ID()]; len(a) != 1 || a[0] != p.Name()+" " {
					t.Errorf("%s asks: %s answers %q", asker.Name(), p.Name(), a)
				}
			}
		}
		check(e[0], e[1:])
		check(r[1], e)
		for _, p := range r {
			p.Net().Resolver().Handle("name", say(p.Name()))
		}
		check(e[0], append(e[1:len(e):len(e)], r...))
		check(r[0], append(r[1:len(r):len(r)], e...))
	})
}

func TestOnlyTheirOwnAnswersSuffer(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		r, e := overlay(w, 3, 12)
		all := append(e[1:len(e):len(e)], r...)
		for _, p := range all {
			p.Net().Resolver().Handle("name", say(p.Name()))
		}
		misbehave := func(p *peer.Peer, name string, h resolver.HandlerFunc) func() {
			return p.Net().Resolver().Handle(name, h)
		}
		panics := func(resolver.ResponseWriter, *resolver.Query) { panic("on purpose") }
		stalls := func(_ resolver.ResponseWriter, q *resolver.Query) {
			select {
			case <-time.After(time.Minute):
			case <-q.Context.Done():
			}
		}
		var gave atomic.Int64
		floods := func(w resolver.ResponseWriter, q *resolver.Query) {
			for w.Respond([]byte("more")) == nil {
				gave.Add(1)
			}
		}
		for name, h := range map[string]resolver.HandlerFunc{"panics": panics, "stalls": stalls, "floods": floods} {
			for _, bad := range []*peer.Peer{e[3], r[1]} {
				topic := fmt.Sprint(name, bad.Name())
				for _, p := range all {
					if p != bad {
						misbehave(p, topic, say(p.Name()))
					}
				}
				misbehave(bad, topic, h)
				gave.Store(0)
				begun, last := time.Now(), time.Duration(0)
				got := map[id.Peer]int{}
				var errs []error
				for res, err := range e[0].Net().Resolver().Query(t.Context(), id.Peer{}, topic, nil) {
					if err != nil {
						errs = append(errs, err)
						continue
					}
					if got[res.From]++; res.From != bad.ID() {
						last = time.Since(begun)
					}
				}
				whole := time.Since(begun)
				for _, p := range all {
					if p != bad && got[p.ID()] != 1 {
						t.Errorf("%s %s: %s answers %d times", bad.Name(), name, p.Name(), got[p.ID()])
					}
				}
				if last > 12*latency || whole > 40*time.Second {
					t.Errorf("%s %s: the last of the others' answers came after %v, the end after %v", bad.Name(), name, last, whole)
				}
				switch {
				case name == "panics" && (len(errs) != 1 || !errors.Is(errs[0], resolver.ErrHandler)),
					name == "floods" && (got[bad.ID()] != resolver.MaxGroupAnswers || gave.Load() > resolver.MaxGroupAnswers),
					name == "stalls" && got[bad.ID()] > 0:
					t.Errorf("%s %s: %d answers of its own, gave %d, errors %v", bad.Name(), name, got[bad.ID()], gave.Load(), errs)
				}
			}
		}
	})
}

func TestLeavingEarlyEndsItEverywhere(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		r, e := overlay(w, 3, 9)
		var running, began atomic.Int32
		for _, p := range append(e[1:len(e):len(e)], r...) {
			p.Net().Resolver().Handle("wait", resolver.HandlerFunc(func(w resolver.ResponseWriter, q *resolver.Query) {
				running.Add(1)
				began.Add(1)
				defer running.Add(-1)
				_ = w.Respond([]byte("here"))
				<-q.Context.Done()
			}))
		}
		n := 0
		for _, err := range e[0].Net().Resolver().Query(t.Context(), id.Peer{}, "wait", nil) {
			if err != nil {
				t.Error(err)
			}
			if n++; n == 11 {
				break
			}
		}
		time.Sleep(6 * latency)
		if began.Load() != 11 || running.Load() != 0 {
			t.Errorf("%d began, %d go on", began.Load(), running.Load())
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var last error
		for _, err := range e[0].Net().Resolver().Query(ctx, id.Peer{}, "wait", nil) {
			last = err
		}
		time.Sleep(6 * latency)
		if !errors.Is(last, context.DeadlineExceeded) || running.Load() != 0 {
			t.Errorf("error %v, %d go on", last, running.Load())
		}
	})
}

// An edge whose rendezvous is gone, and that finds no other, asks whom it sees.
func TestQueryWithoutARendezvous(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		r, e := overlay(w, 1, 3)
		for _, p := range e {
			p.Net().Resolver().Handle("name", say(p.Name()))
		}
		if _, err := e[0].Net().Connect(t.Context(), w.Info(e[1])); err != nil {
			t.Fatal(err)
		}
		w.Kill(r[0])
		time.Sleep(10 * time.Second)
		got, errs := ask(t.Context(), e[0], id.Peer{}, "name", "")
		if len(errs) > 0 || len(got) != 1 || len(got[e[1].ID()]) != 1 {
			t.Errorf("%v, %v", got, errs)
		}
	})
}
