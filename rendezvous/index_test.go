package rendezvous_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// join adds a rendezvous to the world, and waits until the index has followed.
func (x *world) join(t *testing.T, name string) *peer.Peer {
	t.Helper()
	r := start(x.World, name, rendezvous.Rendezvous, x.seed)
	x.rdvs = append(x.rdvs, r)
	x.complete(10 * time.Second)
	time.Sleep(10 * time.Second)
	return r
}

func TestNewerVersionReplacesTheOlder(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 4, 6, 0)
		e := x.edges[0]
		first := publish(t, e, news(1), 0, 0)
		for range 4 { // the replicas are others then
			x.join(t, fmt.Sprint("later", len(x.rdvs)))
		}
		second := publish(t, e, news(1), 0, 0)
		for _, p := range append(x.rdvs, x.edges...) {
			for _, value := range []string{"news-001", "news-*"} {
				q := named(value)
				n := 0
				for f, err := range p.Net().Rendezvous().Search(t.Context(), &q) {
					if n++; err != nil || f.Signed.Seq() != second.Seq() {
						t.Errorf("%s at %s: error %v, or version %d of %d and %d", value, p.Name(), err, f.Signed.Seq(), first.Seq(), second.Seq())
					}
				}
				if n != 1 {
					t.Errorf("%s at %s: %d answers", value, p.Name(), n)
				}
			}
		}
	})
}

func TestRetractedIsFoundNowhereAnyMore(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 4, 6, 0)
		e := x.edges[0]
		a := publish(t, e, news(1), 0, 0)
		keep := publish(t, e, news(2), 0, 0)
		for range 4 { // some hold copies then that need not, and are not told
			x.join(t, fmt.Sprint("later", len(x.rdvs)))
		}
		x.everywhere(t, "before", named("news-001"), "news-001")
		if err := e.Net().Discovery().Retract(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		check := func(when string) {
			x.everywhere(t, when, named("news-001"))
			x.everywhere(t, when, named("news-*"), "news-002")
		}
		check("retracted")
		x.join(t, "last")
		check("one joined")
		for range 3 { // those that held it before the others came hold its place again
			gone := x.rdvs[5]
			x.rdvs = append(x.rdvs[:5:5], x.rdvs[6:]...)
			w.Stop(gone)
			time.Sleep(10 * time.Second)
		}
		check("others left")
		if err := e.Net().Discovery().Retract(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		x.everywhere(t, "all retracted", named("news-*"))
	})
}

func TestExpired(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 4, 0)
		publish(t, x.edges[0], news(1), time.Minute, 10*time.Second)
		publish(t, x.edges[1], news(2), 10*time.Minute, time.Minute)
		time.Sleep(50 * time.Second)
		x.everywhere(t, "within its lifetime", named("news-001"), "news-001")
		time.Sleep(25 * time.Second)
		x.everywhere(t, "after it", named("news-001"))
		x.everywhere(t, "after it", named("news-*"), "news-002")
		for range 7 {
			time.Sleep(67 * time.Second)
			if got, _ := explain(t, x.edges[2], named("news-002")); len(got) != 1 {
				t.Fatal("what its publisher stands by was not published again")
			}
		}
		time.Sleep(2 * time.Minute)
		x.everywhere(t, "after its lifetime", named("news-*"))
		for _, r := range x.rdvs {
			if n := status(r).Index.Entries; n > 20 { // each peer's own advertisement
				t.Errorf("%s still has %d entries", r.Name(), n)
			}
		}
	})
}

// What nobody touches stays, although what others keep expires after two hours.
func TestStaysFoundForHours(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 1, 2)
		for range 3 {
			time.Sleep(time.Hour)
			x.everywhere(t, "later", named("news-*"), "news-000", "news-001")
		}
	})
}

// small starts a rendezvous with a small index.
func small(w *testnet.World, l rendezvous.Limits) *peer.Peer {
	return w.StartConfig(&peer.Config{Name: "small", Role: rendezvous.Rendezvous, NoDHT: true, Limits: l})
}

func TestQuotaOfOnePublisher(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := small(w, rendezvous.Limits{PublisherEntries: 5})
		greedy, other := start(w, "greedy", rendezvous.Edge, seed), start(w, "other", rendezvous.Edge, seed)
		d := greedy.Net().Discovery()
		refused := 0
		for i := range 10 {
			_, err := d.Publish(t.Context(), news(i), 0, 0)
			if errors.Is(err, rendezvous.ErrQuota) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 6 { // its own advertisement counts
			t.Errorf("%d refused", refused)
		}
		publish(t, other, news(20), 0, 0)
		if got, _ := explain(t, other, named("news-*")); len(got) != 5 {
			t.Errorf("%q", got)
		}
		for a := range d.Local(query("News")) {
			if attr(a, "Name") < "news-003" {
				if err := d.Retract(t.Context(), a); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(70 * time.Minute) // what was refused is tried again
		if got, _ := explain(t, other, named("news-*")); len(got) != 5 || got[3] < "news-004" {
			t.Errorf("later: %q", got)
		}
	})
}

func TestFullIndex(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := small(w, rendezvous.Limits{Entries: 8})
		e := start(w, "edge", rendezvous.Edge, seed)
		for i := range 10 {
			_, err := e.Net().Discovery().Publish(t.Context(), news(i), 0, 0)
			if full := errors.Is(err, rendezvous.ErrFull); full != (i >= 6) || err != nil && !full { // and both peers themselves
				t.Errorf("%d: %v", i, err)
			}
		}
		if st := status(seed); st.Index.Entries != 8 || st.Traffic.Refused == 0 {
			t.Errorf("%+v, %+v", st.Index, st.Traffic)
		}
	})
}
