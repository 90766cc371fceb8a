package rendezvous_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// settle waits until a peer has found its place.
func settle(t *testing.T, all ...*peer.Peer) {
	t.Helper()
	for _, p := range all {
		if err := p.Net().Rendezvous().Settle(t.Context()); err != nil {
			t.Fatalf("%s does not settle: %v", p.Name(), err)
		}
	}
}

// place says what a peer is, for people.
func place(p *peer.Peer) string {
	st := status(p)
	switch {
	case st.Rendezvous:
		return fmt.Sprintf("%s: rendezvous of %d, %d edges: %s", p.Name(), len(st.Members), len(st.Clients), st.Reason)
	case st.Lease != nil:
		return fmt.Sprintf("%s: edge: %s", p.Name(), st.Reason)
	}
	return fmt.Sprintf("%s: alone: %s", p.Name(), st.Reason)
}

// rendezvousOf returns those that are a rendezvous.
func rendezvousOf(all []*peer.Peer) []*peer.Peer {
	var rdvs []*peer.Peer
	for _, p := range all {
		if status(p).Rendezvous {
			rdvs = append(rdvs, p)
		}
	}
	return rdvs
}

// inPlace reports whether every peer is a rendezvous, or an edge of one of them that
// knows of it, and every rendezvous knows all others and nobody else.
func inPlace(all []*peer.Peer) bool {
	rdvs := rendezvousOf(all)
	edges := 0
	leases := map[string]int{}
	for _, p := range all {
		st := status(p)
		switch {
		case st.Rendezvous:
			edges += len(st.Clients)
			if len(st.Members) != len(rdvs) {
				return false
			}
		case st.Lease == nil:
			return false
		default:
			leases[st.Lease.Rendezvous.String()]++
		}
	}
	for _, r := range rdvs {
		if leases[r.ID().String()] != len(status(r).Clients) {
			return false
		}
	}
	return edges == len(all)-len(rdvs)
}

// awaitPlaces waits until everybody is in place, with at most so many rendezvous.
func awaitPlaces(w *testnet.World, d time.Duration, most int, all []*peer.Peer) {
	w.T.Helper()
	begun := time.Now()
	for len(rendezvousOf(all)) > most || !inPlace(all) {
		if time.Since(begun) > d {
			for _, p := range all {
				w.T.Log(place(p))
			}
			w.T.Fatalf("not in place in %v", d)
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.T.Logf("%d rendezvous, all %d peers in place after %v", len(rendezvousOf(all)), len(all), time.Since(begun))
}

// steady fails the test if somebody's place changes within d.
func steady(t *testing.T, d time.Duration, all []*peer.Peer) {
	t.Helper()
	before := map[*peer.Peer]*rendezvous.Status{}
	for _, p := range all {
		before[p] = status(p)
	}
	time.Sleep(d)
	for _, p := range all {
		was, is := before[p], status(p)
		switch {
		case was.Rendezvous != is.Rendezvous || !was.Since.Equal(is.Since):
			t.Errorf("%s was %q, and is %q since %v", p.Name(), was.Reason, is.Reason, time.Since(is.Since))
		case was.Lease != nil && (is.Lease == nil || !was.Lease.Since.Equal(is.Lease.Since)):
			t.Errorf("%s has another lease: %+v, had %+v", p.Name(), is.Lease, was.Lease)
		}
	}
}

func TestAlone(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		begun := time.Now()
		p := start(w, "first", rendezvous.Auto)
		settle(t, p)
		st := status(p)
		if took := time.Since(begun); !st.Rendezvous || took > 100*time.Millisecond {
			t.Errorf("a peer alone, after %v: %s", took, place(p))
		}
		if st.Role != rendezvous.Auto || st.Reason != "no rendezvous was found" || len(st.Members) != 1 || !st.Members[0].Self {
			t.Errorf("status %+v", st)
		}
	})
}

func TestSecondIsEdge(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		first := start(w, "first", rendezvous.Auto)
		second := start(w, "second", rendezvous.Auto, first)
		settle(t, first, second)
		st := status(second)
		if st.Rendezvous || st.Lease == nil || st.Lease.Rendezvous != first.ID() {
			t.Fatal(place(second))
		}
		if !strings.Contains(st.Reason, "it has a lease with ") {
			t.Errorf("reason %q", st.Reason)
		}
		if c := status(first).Clients; len(c) != 1 || c[0].ID != second.ID() || c[0].Name != "second" {
			t.Errorf("clients %+v", c)
		}
		steady(t, 10*time.Minute, []*peer.Peer{first, second})
	})
}

// TestTwoAtOnce starts two that are each other's seeds in the same instant.
func TestTwoAtOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		for i := range 4 {
			all := startTogether(t, w, fmt.Sprintf("pair%d", i), 2)
			awaitPlaces(w, 15*time.Second, 1, all)
			steady(t, time.Minute, all)
		}
	})
}

// startTogether starts n peers in the same instant that have each other as seeds: all
// exist, and hear of each other's addresses before virtual time goes on.
func startTogether(t *testing.T, w *testnet.World, name string, n int) []*peer.Peer {
	t.Helper()
	var all []*peer.Peer
	for i := range n {
		all = append(all, start(w, fmt.Sprintf("%s-%d", name, i), rendezvous.Auto))
	}
	for _, p := range all {
		for _, q := range all {
			if p != q {
				go func() { _, _ = p.Net().Connect(t.Context(), w.Info(q)) }()
			}
		}
	}
	return all
}

// TestTenMeet connects ten that were alone.
func TestTenMeet(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		var all []*peer.Peer
		for i := range 10 {
			all = append(all, start(w, fmt.Sprintf("peer%d", i), rendezvous.Auto))
		}
		settle(t, all...)
		time.Sleep(10 * time.Second)
		if n := len(rendezvousOf(all)); n != 10 {
			t.Fatalf("%d rendezvous of ten that are alone", n)
		}
		for i, p := range all[1:] {
			if _, err := p.Net().Connect(t.Context(), w.Info(all[i])); err != nil {
				t.Fatal(err)
			}
		}
		awaitPlaces(w, 30*time.Second, 3, all)
		steady(t, 10*time.Minute, all)
	})
}

func TestSetRole(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		first := start(w, "first", rendezvous.Rendezvous)
		p := start(w, "second", rendezvous.Auto, first)
		all := []*peer.Peer{first, p}
		s := p.Net().Rendezvous()
		set := func(r rendezvous.Role, is bool, reason string) {
			t.Helper()
			if err := s.SetRole(r); err != nil {
				t.Fatal(err)
			}
			if st := s.Status(); st.Role != r || st.Rendezvous != is || is && st.Reason != reason {
				t.Errorf("after SetRole(%s): %+v", r, st)
			}
		}
		settle(t, first, p)
		told := "it was told to be one"
		for range 3 {
			set(rendezvous.Rendezvous, true, told)
			awaitPlaces(w, 5*time.Second, 2, all)
			if m := status(first).Members; len(m) != 2 || !m[0].Fixed || !m[1].Fixed {
				t.Errorf("members %+v", m)
			}
			set(rendezvous.Edge, false, "")
			set(rendezvous.Rendezvous, true, told) // in the same instant
			awaitPlaces(w, 5*time.Second, 2, all)
			set(rendezvous.Edge, false, "")
			awaitPlaces(w, 5*time.Second, 1, all)
		}
		set(rendezvous.Rendezvous, true, told)
		time.Sleep(time.Minute)
		set(rendezvous.Auto, true, told+", and may stop being one since") // until it is seen that the other one is enough
		awaitPlaces(w, 15*time.Second, 1, all)
		if err := s.SetRole("emperor"); err == nil {
			t.Error("a role that there is not was taken")
		}
	})
}

// TestDemotionReason sees that a rendezvous that stops says why.
func TestDemotionReason(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		j := newJournal()
		first := start(w, "first", rendezvous.Rendezvous)
		p := w.StartConfig(&peer.Config{Name: "second", NoDHT: true, Log: j.log()})
		settle(t, p)
		if _, err := p.Net().Connect(t.Context(), w.Info(first)); err != nil {
			t.Fatal(err)
		}
		w.Until(15*time.Second, "an edge", func() bool { return status(p).Lease != nil })
		j.wants(t, "rendezvous now", "no rendezvous was found", "rendezvous no longer", "there are 1 rendezvous that come before it")
	})
}

// TestEdgeAlone: an edge that reaches no rendezvous says so, and does not wait.
func TestEdgeAlone(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p := start(w, "edge", rendezvous.Edge)
		other := start(w, "other", rendezvous.Edge, p)
		begun := time.Now()
		settle(t, p, other)
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("that there is no rendezvous was seen after %v", took)
		}
		n := 0
		for f, err := range p.Net().Rendezvous().Search(t.Context(), &rendezvous.Query{}) {
			n++
			if f != nil || !errors.Is(err, rendezvous.ErrNoRendezvous) {
				t.Errorf("search: %v, %v", f, err)
			}
		}
		if n != 1 {
			t.Errorf("%d errors", n)
		}
		time.Sleep(10 * time.Minute)
		late := start(w, "late", rendezvous.Rendezvous, other)
		awaitPlaces(w, 10*time.Second, 1, []*peer.Peer{p, other, late})
	})
}
