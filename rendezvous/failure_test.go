package rendezvous_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// journal keeps what peers log.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func newJournal() *journal { return &journal{} }

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) log() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func (j *journal) count(line string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), line)
}

// wants fails the test unless these were logged, in this order; of those with a bar
// between them one is enough: who hears first of what is chance.
func (j *journal) wants(t *testing.T, lines ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	rest := j.text.String()
	for _, l := range lines {
		found := ""
		for way := range strings.SplitSeq(l, "|") {
			if _, after, ok := strings.Cut(rest, way); ok && len(after) >= len(found) {
				found = after + " "
			}
		}
		if found == "" {
			t.Fatalf("not in the log, or not in this order: %q\n%s", l, j.text.String())
		}
		rest = found
	}
}

// awaitLeases waits until each edge has a lease with a rendezvous of the world.
func (x *world) awaitLeases(d time.Duration) {
	x.T.Helper()
	alive := map[string]bool{}
	for _, r := range x.rdvs {
		alive[r.ID().String()] = true
	}
	begun := time.Now()
	x.Until(d, "every edge has a lease", func() bool {
		for _, e := range x.edges {
			if l := status(e).Lease; l == nil || !alive[l.Rendezvous.String()] {
				return false
			}
		}
		return true
	})
	x.T.Logf("every edge has a lease after %v", time.Since(begun))
}

// finds reports whether a peer finds all news of the world by a wildcard.
func (x *world) finds(p *peer.Peer) bool {
	p.Net().Discovery().Flush(discovery.Query{})
	n := 0
	for _, err := range p.Net().Discovery().Search(x.T.Context(), discovery.Query{Attr: "Name", Value: "news-*"}) {
		if err != nil {
			return false
		}
		n++
	}
	return n == x.count
}

// awaitNews waits until every news is found by a wildcard, and sees that it is by
// name.
func (x *world) awaitNews(d time.Duration, by ...*peer.Peer) {
	x.T.Helper()
	begun := time.Now()
	for _, p := range by {
		x.Until(d-time.Since(begun), p.Name()+" finds everything", func() bool { return x.finds(p) })
	}
	x.T.Logf("everything is found after %v", time.Since(begun))
	x.findAll(by...)
}

// findAll looks for every news by name, each from one of the peers.
func (x *world) findAll(by ...*peer.Peer) {
	x.T.Helper()
	var asking sync.WaitGroup
	for k, p := range by {
		asking.Go(func() {
			p.Net().Discovery().Flush(discovery.Query{})
			for i := k; i < x.count; i += len(by) {
				q := discovery.Query{Kind: "News", Attr: "Name", Value: fmt.Sprintf("news-%03d", x.first+i)}
				n := 0
				for _, err := range p.Net().Discovery().Search(x.T.Context(), q) {
					if err != nil {
						x.T.Errorf("%s at %s: %v", q.Value, p.Name(), err)
						continue
					}
					n++
				}
				if n != 1 {
					x.T.Errorf("%s at %s: found %d times", q.Value, p.Name(), n)
				}
			}
		})
	}
	asking.Wait()
}

// kill kills the rendezvous of those places in rdvs at once.
func (x *world) kill(at ...int) {
	x.T.Helper()
	var left []*peer.Peer
	var dying sync.WaitGroup
	for i, r := range x.rdvs {
		if !slices.Contains(at, i) {
			left = append(left, r)
			continue
		}
		dying.Go(func() { x.Kill(r) })
	}
	x.rdvs = left
	dying.Wait()
}

func TestRendezvousDies(t *testing.T) {
	for what, dead := range map[string][]int{"one of four": {2}, "the seed": {0}, "all but one": {0, 1, 3}} {
		t.Run(what, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newWorld(t, w, 3, 30, 10)
				time.Sleep(10 * time.Second)
				begun := time.Now()
				x.kill(dead...)
				x.awaitLeases(3 * time.Second)
				x.awaitNews(10*time.Second-time.Since(begun), x.edges...)
				x.complete(10 * time.Second)
				steady(t, time.Minute, x.edges)
			})
		})
	}
}

// TestOnlyRendezvousDies: the edges make one of them the next.
func TestOnlyRendezvousDies(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := &world{World: w, seed: start(w, "seed", rendezvous.Auto)}
		for i := range 20 {
			x.edges = append(x.edges, start(w, fmt.Sprintf("auto%02d", i), rendezvous.Auto, x.seed))
		}
		x.publish(3)
		time.Sleep(10 * time.Second)
		begun := time.Now()
		x.Kill(x.seed)
		awaitPlaces(w, 3*time.Second, 2, x.edges)
		x.awaitNews(10*time.Second-time.Since(begun), x.edges...)
		steady(t, time.Minute, x.edges)
	})
}

// TestOnlyRendezvousFallsSilent is that without anybody being told.
func TestOnlyRendezvousFallsSilent(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := &world{World: w, seed: start(w, "seed", rendezvous.Rendezvous)}
		for i := range 8 {
			x.edges = append(x.edges, start(w, fmt.Sprintf("auto%02d", i), rendezvous.Auto, x.seed))
		}
		x.publish(3)
		time.Sleep(10 * time.Second)
		begun := time.Now()
		w.Net.Partition([]netip.Addr{w.Addr(x.seed)})
		awaitPlaces(w, 15*time.Second, 2, x.edges)
		x.awaitNews(20*time.Second-time.Since(begun), x.edges...)
	})
}

// TestSpread: edges that all start from one seed are spread over the rendezvous.
func TestSpread(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 40, 0)
		time.Sleep(5 * time.Second)
		for _, r := range x.rdvs {
			if n := len(status(r).Clients); n > 20 {
				t.Errorf("%s has %d edges of 40", r.Name(), n)
			}
		}
		x.awaitLeases(time.Second)
		steady(t, 2*time.Minute, x.edges)
	})
}

// TestSilentRendezvous: the machine of a rendezvous loses its network; connections
// stay, and nothing comes.
func TestSilentRendezvous(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 12, 2)
		time.Sleep(10 * time.Second)
		silent := x.rdvs[2]
		x.rdvs = append(x.rdvs[:2:2], x.rdvs[3:]...)
		w.Net.Partition([]netip.Addr{w.Addr(silent)})
		x.awaitLeases(15 * time.Second)
		x.awaitNews(5*time.Second, x.edges...)
		x.complete(15 * time.Second)
	})
}

// What a rendezvous has published itself has no home any more when it dies: the
// replicas answer walks with it, once.
func TestPublicationsOfTheDead(t *testing.T) {
	for _, how := range []string{"killed", "closed"} {
		t.Run(how, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newWorld(t, w, 3, 1, 0)
				going := x.rdvs[2]
				for i := range 20 {
					publish(t, going, news(i), 0, 0)
				}
				x.rdvs = slices.Delete(x.rdvs, 2, 3)
				if how == "killed" {
					w.Kill(going)
				} else {
					w.Stop(going)
				}
				w.Until(10*time.Second, "a walk finds everything", func() bool {
					return len(search(t, x.edges[0], discovery.Query{Attr: "Name", Value: "news-*"})) == 20
				})
				if how == "closed" {
					if got := search(t, x.edges[0], discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: going.Name()}); len(got) > 0 {
						t.Errorf("it has left, and is found: %v", got)
					}
				}
			})
		})
	}
}
