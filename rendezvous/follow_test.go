package rendezvous_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// apart returns two edges of different rendezvous.
func (x *world) apart(t *testing.T) (a, b *peer.Peer) {
	t.Helper()
	for _, e := range x.edges[1:] {
		if status(e).Lease.Rendezvous != status(x.edges[0]).Lease.Rendezvous {
			return x.edges[0], e
		}
	}
	t.Fatal("all edges have one rendezvous")
	return nil, nil
}

// rest waits until the edges have moved to where they stay, and the index has
// followed.
func (x *world) rest() { time.Sleep(20 * time.Second) }

func TestAwaitHearsOfAPublicationAtOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 4, 10, 1)
		x.rest()
		waiting, publishing := x.apart(t)
		for i, q := range []discovery.Query{
			{Kind: "News", Attr: "Name", Value: "news-100"},
			{Kind: "News", Attr: "Name", Value: "*-101"},
			{Attr: "Number", Range: &adv.Range{Min: 101.5, Max: 102}},
		} {
			found := make(chan time.Time, 1)
			go func() {
				if _, err := waiting.Net().Discovery().Await(t.Context(), q); err != nil {
					t.Error(err)
				}
				found <- time.Now()
			}()
			time.Sleep(30 * time.Second)
			if len(found) > 0 {
				t.Fatalf("%d: found before it was published", i)
			}
			begun := time.Now()
			publish(t, publishing, news(100+i), 0, 0)
			if d := (<-found).Sub(begun); d > 10*latency {
				t.Errorf("%d: heard %v after it was published", i, d)
			}
		}
	})
}

// follower notes what a Follow yields.
type follower struct {
	mu   sync.Mutex
	seen map[string]time.Time
	end  context.CancelFunc
	done chan struct{}
}

func followAll(t *testing.T, p *peer.Peer, q discovery.Query) *follower {
	f := &follower{seen: map[string]time.Time{}, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	f.end = cancel
	go func() {
		defer close(f.done)
		for a := range p.Net().Discovery().Follow(ctx, q) {
			f.mu.Lock()
			if name := attr(a, "Name"); f.seen[name].IsZero() {
				f.seen[name] = time.Now()
			} else {
				t.Errorf("%s twice", name)
			}
			f.mu.Unlock()
		}
	}()
	return f
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.seen)
}

func TestFollowSeesEverythingEverywhere(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 4, 10, 1)
		x.rest()
		q := discovery.Query{Kind: "News", Attr: "Name", Value: "news-*"}
		at := x.edges[slices.IndexFunc(x.edges, func(e *peer.Peer) bool { return x.rdvOf(t, e) != x.seed })]
		follows := []*follower{followAll(t, at, q), followAll(t, x.seed, q)}
		publishAll := func(when string, within time.Duration) {
			for _, p := range append(x.edges[:len(x.edges):len(x.edges)], x.rdvs...) {
				publish(t, p, news(x.count), 0, 0)
				x.count++
			}
			time.Sleep(within)
			for i, f := range follows {
				if f.count() != x.count {
					t.Fatalf("%s: follower %d has seen %d of %d", when, i, f.count(), x.count)
				}
			}
		}
		time.Sleep(time.Second)
		publishAll("at first", 10*latency)
		x.join(t, "later")
		publishAll("one has joined", 10*latency)

		own := x.rdvOf(t, at)
		x.rdvs = slices.DeleteFunc(x.rdvs, func(r *peer.Peer) bool { return r == own })
		if own == x.seed {
			t.Fatal("it has moved to the one that follows")
		}
		w.Kill(own)
		x.rest()
		publishAll("its rendezvous was killed", 10*latency)
		for _, f := range follows {
			f.end()
			<-f.done
		}
	})
}

// What is published while the peerview changes is not missed by who follows.
func TestFollowMissesNothingWhileRendezvousComeAndGo(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 6, 1)
		x.rest()
		exact := discovery.Query{Kind: "News", Attr: "Tag", Value: "x"}
		f := followAll(t, x.edges[0], exact)
		all := followAll(t, x.edges[1], discovery.Query{Kind: "News", Attr: "Tag"})
		const n = 60
		var changing sync.WaitGroup
		changing.Go(func() {
			for i := range 3 {
				r := start(w, fmt.Sprint("passing", i), rendezvous.Rendezvous, x.seed)
				time.Sleep(7 * time.Second)
				w.Stop(r)
			}
		})
		for i := range n {
			doc := news(1000 + i)
			doc.Children = append(doc.Children, &adv.Element{Name: "Tag", Text: "x"})
			publish(t, x.edges[2+i%4], doc, 0, 0)
			time.Sleep(400 * time.Millisecond)
		}
		changing.Wait()
		time.Sleep(10 * time.Second)
		if f.count() != n || all.count() != n {
			t.Errorf("%d and %d of %d", f.count(), all.count(), n)
		}
		f.end()
		all.end()
		<-f.done
		<-all.done
	})
}

func TestFollowersOfOneEdgeAreLimited(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 1, 2, 1)
		x.rest()
		e := x.edges[0].Net().Rendezvous()
		ctx, cancel := context.WithCancel(t.Context())
		busy := 0
		var mu sync.Mutex
		var following sync.WaitGroup
		for i := range 300 {
			following.Go(func() {
				q := named(fmt.Sprint("none", i))
				q.Follow = true
				for _, err := range e.Search(ctx, &q) {
					if ctx.Err() == nil && err != nil {
						mu.Lock()
						busy++
						mu.Unlock()
					}
				}
			})
		}
		time.Sleep(5 * time.Second)
		mu.Lock()
		if busy != 300-256 {
			t.Errorf("%d refused", busy)
		}
		mu.Unlock()
		if got, _ := explain(t, x.edges[1], named("news-000")); len(got) != 1 {
			t.Errorf("another edge: %q", got)
		}
		if got, _ := explain(t, x.edges[0], named("news-000")); len(got) != 1 {
			t.Errorf("the same edge: %q", got)
		}
		cancel()
		following.Wait()
	})
}
