package rendezvous_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// explain searches the index alone, and returns the Names that it has, in order, and
// the account.
func explain(t *testing.T, p *peer.Peer, q rendezvous.Query) (names []string, r rendezvous.Report) {
	t.Helper()
	q.Report = func(report rendezvous.Report) { r = report }
	for f, err := range p.Net().Rendezvous().Search(t.Context(), &q) {
		if err != nil {
			t.Errorf("search %v at %s: %v", &q.Pattern, p.Name(), err)
			continue
		}
		names = append(names, attr(f.Signed, "Name"))
	}
	slices.Sort(names)
	return names, r
}

func attr(a *adv.Signed, name string) string {
	for _, at := range a.Advertisement().Index() {
		if at.Name == name {
			return at.Value
		}
	}
	return ""
}

func named(name string) rendezvous.Query {
	return rendezvous.Query{Pattern: adv.Pattern{Kind: "News", Attr: "Name", Value: name}}
}

func query(kind adv.Kind) discovery.Query { return discovery.Query{Kind: kind} }

func publish(t *testing.T, p *peer.Peer, a adv.Advertisement, lifetime, expiration time.Duration) *adv.Signed {
	t.Helper()
	s, err := p.Net().Discovery().Publish(t.Context(), a, lifetime, expiration)
	if err != nil {
		t.Fatalf("publish at %s: %v", p.Name(), err)
	}
	return s
}

// everywhere fails the test unless every peer finds what is wanted, and nothing else.
func (x *world) everywhere(t *testing.T, what string, q rendezvous.Query, want ...string) {
	t.Helper()
	for _, p := range append(slices.Clone(x.rdvs), x.edges...) {
		if got, r := explain(t, p, q); !slices.Equal(got, want) {
			t.Errorf("%s: %s finds %q, want %q (%+v)", what, p.Name(), got, want, r)
		}
	}
}

func TestExactSearchTakesTwoHops(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 5, 12, 4)
		two := 0
		for i := range x.count {
			name := fmt.Sprintf("news-%03d", i)
			got, r := explain(t, x.edges[(i*5)%len(x.edges)], named(name))
			if !slices.Equal(got, []string{name}) || !r.Exact || r.Lost > 0 || r.Hops > 2 || r.Messages > 4 || r.Elapsed > 5*latency {
				t.Errorf("%s: %q, %+v", name, got, r)
			}
			if r.Hops == 2 {
				two++
			}
		}
		if two == 0 {
			t.Error("no search was passed on: the test tests nothing")
		}
	})
}

func TestSearchForNothingEndsSoon(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 5, 6, 2)
		for _, q := range []rendezvous.Query{named("nothing"), named("nothing*"), named("")} {
			if q.Value == "" {
				q.Attr, q.Kind = "", "Olds"
			}
			if got, r := explain(t, x.edges[2], q); len(got) > 0 || r.Lost > 0 || r.Elapsed > 8*latency {
				t.Errorf("%v: %q, %+v", &q.Pattern, got, r)
			}
		}
	})
}

func TestPatternsFindTheExactSet(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 10, 3) // news-000 to news-029
		all := func(from, below int) (names []string) {
			for i := from; i < below; i++ {
				names = append(names, fmt.Sprintf("news-%03d", i))
			}
			return names
		}
		for _, c := range []struct {
			conditions string
			want       []string
		}{
			{"Name=news-*", all(0, 30)},
			{"Name=news-01*", all(10, 20)},
			{"Name=*-029", all(29, 30)},
			{"Name=*s-02*", all(20, 30)},
			{"Name=news-0?5", []string{"news-005", "news-015", "news-025"}},
			{"Name=????????", all(0, 30)},
			{"Name=News-*", nil},
			{"Number", all(0, 30)},
			{"", all(0, 30)},
			{"Number>=10 Number<20", all(10, 20)},
			{"Number>28", all(29, 30)},
			{"Number<=1.5", all(0, 2)},
			{"Number>29", nil},
		} {
			p, err := adv.ParsePattern(strings.Fields(c.conditions)...)
			if err != nil {
				t.Fatal(err)
			}
			p.Kind = "News"
			for _, at := range []*peer.Peer{x.edges[4], x.seed} {
				if got, r := explain(t, at, rendezvous.Query{Pattern: p}); !slices.Equal(got, c.want) || r.Exact {
					t.Errorf("%q at %s: %q, %+v", c.conditions, at.Name(), got, r)
				}
			}
		}
	})
}

// idle is how many goroutines there are when nothing happens.
func idle() int {
	time.Sleep(time.Minute)
	synctest.Wait()
	return runtime.NumGoroutine()
}

func TestSearchThatIsLeftEarlyLeavesNothingBehind(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 5, 6, 20)
		at := x.edges[1].Net().Rendezvous()
		before := idle()
		for range 200 {
			if got, r := explain(t, x.edges[1], rendezvous.Query{Pattern: adv.Pattern{Kind: "News"}, Limit: 3}); len(got) != 3 || r.Elapsed > 8*latency {
				t.Errorf("limit 3: %q, %+v", got, r)
			}
			for _, err := range at.Search(t.Context(), &rendezvous.Query{Pattern: adv.Pattern{Kind: "News"}}) {
				if err != nil {
					t.Error(err)
				}
				break
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*latency/2)
			var last error
			for _, err := range at.Search(ctx, &rendezvous.Query{Pattern: adv.Pattern{Kind: "News"}, Follow: true}) {
				last = err
			}
			if cancel(); !errors.Is(last, context.DeadlineExceeded) {
				t.Errorf("context: %v", last)
			}
		}
		if after := idle(); after > before+100 { // connections come and go
			t.Errorf("%d goroutines before, %d after", before, after)
		}
	})
}

func TestSearchAtAReplicaThatIsSilent(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 5, 8, 16) // enough for some to be looked for there
		x.rest()
		home := x.rdvOf(t, x.edges[0])
		silent := x.rdvs[slices.IndexFunc(x.rdvs, func(r *peer.Peer) bool { return r != home })]
		for _, r := range x.rdvs {
			if r != silent {
				w.Net.Block(w.Addr(r), w.Addr(silent))
			}
		}
		waited := 0
		for i := range x.count {
			name := fmt.Sprintf("news-%03d", i)
			got, r := explain(t, x.edges[0], named(name))
			if !slices.Equal(got, []string{name}) || r.Elapsed > time.Second {
				t.Errorf("%s: %q, %+v", name, got, r)
			}
			if r.Elapsed > 10*latency {
				waited++
			}
		}
		if waited == 0 {
			t.Error("the silent one was never asked first: the test tests nothing")
		}
	})
}

// rdvOf returns the rendezvous that an edge has its lease with.
func (x *world) rdvOf(t *testing.T, e *peer.Peer) *peer.Peer {
	t.Helper()
	if l := status(e).Lease; l != nil {
		for _, r := range x.rdvs {
			if r.ID() == l.Rendezvous {
				return r
			}
		}
	}
	t.Fatalf("%s has no lease", e.Name())
	return nil
}

// Of 25 rendezvous that are walked by one of them every other one leads a second one.
func TestSearchGoesOnWithoutOneThatDiesOnTheWay(t *testing.T) {
	lost := 0
	for _, after := range []time.Duration{3 * latency / 2, 5 * latency / 2} {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			x := newWorld(t, w, 24, 12, 2)
			e := x.edges[0]
			dead := x.leader(t, e)
			killed := make(chan struct{})
			time.AfterFunc(after, func() { defer close(killed); w.Kill(dead) })
			got, r := explain(t, e, named("news-*"))
			if lost += r.Lost; len(got) != x.count {
				t.Errorf("killed after %v: %d of %d: %+v", after, len(got), x.count, r)
			}
			<-killed
		})
	}
	if lost == 0 {
		t.Error("none was on the way: the test tests nothing")
	}
}

// leader returns a rendezvous that has no edges and leads one that has some, in a walk
// from the edge's own.
func (x *world) leader(t *testing.T, e *peer.Peer) *peer.Peer {
	t.Helper()
	circle := slices.SortedFunc(slices.Values(x.rdvs), func(a, b *peer.Peer) int { return id.Compare(a.ID(), b.ID()) })
	at := slices.Index(circle, x.rdvOf(t, e))
	circle = append(circle[at+1:], circle[:at]...)
	for i := 1; i+1 < len(circle); i += 3 { // of 16 branches, alternately of one and two
		if len(status(circle[i]).Clients) == 0 && len(status(circle[i+1]).Clients) > 0 && circle[i] != x.seed {
			return circle[i]
		}
	}
	t.Log("there is none, by chance")
	return circle[slices.IndexFunc(circle, func(p *peer.Peer) bool { return p != x.seed && len(status(p).Clients) == 0 })]
}

func TestTwoKindsWithTheSameName(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 4, 1)
		olds := &adv.Document{Name: "Olds", Children: []*adv.Element{{Name: "Name", Text: "news-001"}}}
		publish(t, x.edges[0], olds, 0, 0)
		for kind, want := range map[adv.Kind]int{"News": 1, "Olds": 1, adv.KindAdv: 2, "": 2, adv.KindPeer: 0} {
			for _, value := range []string{"news-001", "news-00[1]", "news-?01"} {
				n := want
				if strings.Contains(value, "[") {
					n = 0 // no such wildcard
				}
				got := search(t, x.edges[2], discovery.Query{Kind: kind, Attr: "Name", Value: value})
				if len(got) != n {
					t.Errorf("kind %q, %s: %q", kind, value, got)
				}
			}
		}
	})
}
