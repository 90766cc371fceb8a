package resolver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/resolver"
)

const latency = 20 * time.Millisecond

// say answers every query with a text.
func say(text string) resolver.HandlerFunc {
	return func(w resolver.ResponseWriter, q *resolver.Query) {
		_ = w.Respond([]byte(text + " " + string(q.Body)))
	}
}

// ask collects all answers by who gave them, and the errors.
func ask(ctx context.Context, p *peer.Peer, to id.Peer, name, body string) (answers map[id.Peer][]string, errs []error) {
	answers = map[id.Peer][]string{}
	for r, err := range p.Net().Resolver().Query(ctx, to, name, []byte(body)) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		answers[r.From] = append(answers[r.From], string(r.Body))
	}
	return answers, errs
}

// star is a rendezvous and edges that know only it.
func star(w *testnet.World, names ...string) (seed *peer.Peer, others []*peer.Peer) {
	seed = w.Start("seed")
	for _, name := range names {
		p := w.Start(name, seed)
		w.Until(time.Second, name+" has its lease", func() bool { return p.Net().Rendezvous().Status().Lease != nil })
		others = append(others, p)
	}
	return seed, others
}

func TestQueryToOnePeer(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice")
		seed.Net().Resolver().Handle("greet", say("hello"))
		got, errs := ask(t.Context(), p[0], seed.ID(), "greet", "world")
		if len(errs) > 0 || fmt.Sprint(got[seed.ID()]) != "[hello world]" {
			t.Errorf("%v, %v", got, errs)
		}
		remove := p[0].Net().Resolver().Handle("own", say("myself"))
		got, errs = ask(t.Context(), p[0], p[0].ID(), "own", "?")
		if len(errs) > 0 || fmt.Sprint(got[p[0].ID()]) != "[myself ?]" {
			t.Errorf("to ourselves: %v, %v", got, errs)
		}
		remove()
		if _, errs = ask(t.Context(), p[0], p[0].ID(), "own", "?"); len(errs) != 1 || !errors.Is(errs[0], resolver.ErrNoHandler) {
			t.Errorf("handler removed: %v", errs)
		}
	})
}

func TestQueryToTheGroup(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice", "bob", "carol")
		p[0].Net().Resolver().Handle("greet", say("alice"))
		p[1].Net().Resolver().Handle("greet", say("bob"))
		p[2].Net().Resolver().Handle("greet", say("carol"))
		start := time.Now()
		got, errs := ask(t.Context(), p[0], id.Peer{}, "greet", "?") // the seed has no such handler
		if len(errs) > 0 || len(got) != 2 || fmt.Sprint(got[p[1].ID()], got[p[2].ID()]) != "[bob ?] [carol ?]" {
			t.Errorf("%v, %v", got, errs)
		}
		if d := time.Since(start); d > 5*latency {
			t.Errorf("took %v", d)
		}
		seed.Net().Resolver().Handle("greet", say("seed"))
		if got, errs = ask(t.Context(), p[0], id.Peer{}, "greet", "?"); len(errs) > 0 || len(got) != 3 {
			t.Errorf("%v, %v", got, errs)
		}
		if got, errs = ask(t.Context(), seed, id.Peer{}, "greet", "?"); len(errs) > 0 || len(got) != 3 || len(got[seed.ID()]) > 0 {
			t.Errorf("the rendezvous asks: %v, %v", got, errs)
		}
	})
}

func TestPeerReachedOnTwoWaysAnswersOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := star(w, "alice", "bob", "carol")
		for i, q := range p {
			q.Net().Resolver().Handle("greet", say(q.Name()))
			for _, other := range p[:i] { // everybody near everybody
				if _, err := q.Net().Connect(t.Context(), w.Info(other)); err != nil {
					t.Fatal(err)
				}
			}
		}
		got, errs := ask(t.Context(), p[0], id.Peer{}, "greet", "?")
		if len(errs) > 0 || len(got) != 2 || len(got[p[1].ID()]) != 1 || len(got[p[2].ID()]) != 1 {
			t.Errorf("%v, %v", got, errs)
		}
	})
}

func TestFailuresHaveNames(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice")
		service := seed.Net().Resolver()
		service.Handle("fail", resolver.HandlerFunc(func(w resolver.ResponseWriter, _ *resolver.Query) {
			_ = w.Fail("out of " + strings.Repeat("paper", 1000))
		}))
		service.Handle("large", resolver.HandlerFunc(func(w resolver.ResponseWriter, _ *resolver.Query) {
			if err := w.Respond(make([]byte, resolver.MaxAnswer+1)); !errors.Is(err, resolver.ErrTooLarge) {
				t.Error(err)
			}
			_ = w.Respond(make([]byte, resolver.MaxAnswer))
		}))
		for name, want := range map[string]error{"none": resolver.ErrNoHandler, "fail": resolver.ErrHandler, "large": resolver.ErrTooLarge} {
			_, errs := ask(t.Context(), p[0], seed.ID(), name, "")
			if len(errs) != 1 || !errors.Is(errs[0], want) {
				t.Errorf("%s: %v, want %v", name, errs, want)
			}
		}
		got, _ := ask(t.Context(), p[0], seed.ID(), "large", "")
		if len(got[seed.ID()]) != 1 || len(got[seed.ID()][0]) != resolver.MaxAnswer {
			t.Error("the answer that was as large as may be did not come")
		}
		big := string(bytes.Repeat([]byte{1}, resolver.MaxQuery))
		if _, errs := ask(t.Context(), p[0], seed.ID(), "fail", big); !errors.Is(errs[0], resolver.ErrHandler) {
			t.Errorf("query as large as may be: %v", errs)
		}
		if _, errs := ask(t.Context(), p[0], seed.ID(), "fail", big+"x"); !errors.Is(errs[0], resolver.ErrTooLarge) {
			t.Errorf("query too large: %v", errs)
		}
	})
}

func TestHandlerHearsThatTheAskerHungUp(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice", "bob")
		ended := make(chan error, 2)
		wait := resolver.HandlerFunc(func(w resolver.ResponseWriter, q *resolver.Query) {
			_ = w.Respond([]byte("one"))
			<-q.Context.Done()
			ended <- w.Respond([]byte("two"))
		})
		seed.Net().Resolver().Handle("near", wait)
		p[1].Net().Resolver().Handle("far", wait)
		for name, to := range map[string]id.Peer{"near": seed.ID(), "far": {}} { // directly, and through the seed
			start := time.Now()
			for range p[0].Net().Resolver().Query(t.Context(), to, name, nil) {
				break
			}
			if err := <-ended; err == nil || time.Since(start) > time.Second {
				t.Errorf("%s: after %v: %v", name, time.Since(start), err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, errs := ask(ctx, p[0], seed.ID(), "near", "")
		if len(errs) != 1 || !errors.Is(errs[0], context.DeadlineExceeded) {
			t.Errorf("context ended: %v", errs)
		}
		<-ended
	})
}

// A machine that has lost its network does not hold up the questions of others.
func TestSilentPeerDoesNotHoldUpTheGroup(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice", "bob", "carol")
		for _, q := range p {
			q.Net().Resolver().Handle("greet", say(q.Name()))
		}
		w.Net.Block(w.Addr(seed), w.Addr(p[2]))
		start := time.Now()
		got, _ := ask(t.Context(), p[0], id.Peer{}, "greet", "?")
		if d := time.Since(start); len(got[p[1].ID()]) != 1 || d > 6*time.Second {
			t.Errorf("%v after %v", got, d)
		}
	})
}

func TestQueryAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := star(w, "alice")
		release := make(chan struct{})
		seed.Net().Resolver().Handle("wait", resolver.HandlerFunc(func(_ resolver.ResponseWriter, q *resolver.Query) {
			<-q.Context.Done()
			close(release)
		}))
		errc := make(chan []error)
		go func() {
			_, errs := ask(t.Context(), p[0], id.Peer{}, "wait", "")
			errc <- errs
		}()
		time.Sleep(time.Second)
		w.Stop(p[0])
		if errs := <-errc; len(errs) == 0 || !errors.Is(errs[len(errs)-1], net.ErrClosed) {
			t.Errorf("under way: %v", errs)
		}
		<-release
		for _, to := range []id.Peer{{}, seed.ID()} {
			if _, errs := ask(t.Context(), p[0], to, "wait", ""); len(errs) == 0 || !errors.Is(errs[len(errs)-1], net.ErrClosed) {
				t.Errorf("after it: %v", errs)
			}
		}
	})
}
