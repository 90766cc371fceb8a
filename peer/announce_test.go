package peer_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// seedsOf returns a host's addresses as seeds.
func seedsOf(t *testing.T, h host.Host) (seeds []string) {
	t.Helper()
	addrs, err := hostid.AddrInfoToP2pAddrs(&infos(h)[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		seeds = append(seeds, a.String())
	}
	return seeds
}

// leaseOf returns whose lease a peer has, or the zero ID.
func leaseOf(p *peer.Peer) id.Peer {
	if l := p.Net().Rendezvous().Status().Lease; l != nil {
		return l.Rendezvous
	}
	return id.Peer{}
}

// A peer that knows nobody of its group, but somebody who keeps the hash table, finds
// the group's rendezvous there, and through it everything.
func TestRendezvousIsFoundInTheTable(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, keeper := w.server()
		seeds := seedsOf(t, keeper)
		r := w.StartConfig(&peer.Config{Name: "r", Role: rendezvous.Rendezvous, Seeds: seeds})
		time.Sleep(peer.AnnounceDelay + 2*time.Second)
		for _, role := range []rendezvous.Role{rendezvous.Edge, rendezvous.Auto} {
			p := w.StartConfig(&peer.Config{Name: string(role), Role: role, Seeds: seeds})
			begun := time.Now()
			w.Until(3*time.Second, "it has a lease", func() bool { return leaseOf(p) == r.ID() })
			t.Logf("%s: a lease after %v", role, time.Since(begun))
			doc := &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Title", Text: string(role)}}}
			if _, err := p.Net().Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
				t.Error(err)
			}
			if _, err := r.Net().Discovery().Await(t.Context(), discovery.Query{Attr: "Title", Value: string(role)}); err != nil {
				t.Error(err)
			}
		}
		deaf := w.StartConfig(&peer.Config{Name: "deaf", Role: rendezvous.Edge, Seeds: seeds, NoDHT: true})
		time.Sleep(10 * time.Second)
		if leaseOf(deaf) != (id.Peer{}) {
			t.Error("found without the table")
		}
		for _, err := range deaf.Net().Discovery().Search(t.Context(), discovery.Query{Kind: "News"}) {
			if !errors.Is(err, rendezvous.ErrNoRendezvous) {
				t.Errorf("a search: %v", err)
			}
		}
	})
}

// An edge says who its rendezvous is: it is as good a seed as that, also without the
// table.
func TestEdgeAsSeed(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		r := w.StartAs(rendezvous.Rendezvous, "r")
		e := w.StartAs(rendezvous.Edge, "e", r)
		w.Settle(e)
		for _, noDHT := range []bool{false, true} {
			p := w.StartConfig(&peer.Config{Name: "p", Role: rendezvous.Edge, Seeds: e.Addrs(), NoDHT: noDHT})
			w.Settle(p)
			w.Until(time.Second, "it has a lease", func() bool { return leaseOf(p) == r.ID() })
		}
	})
}

// A peer that was told not to use the table does not speak its protocol.
func TestNoDHT(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, keeper := w.server()
		speaks := func(p *peer.Peer) bool {
			h, err := hostid.Decode(p.HostID())
			if err != nil {
				t.Fatal(err)
			}
			found, err := keeper.Peerstore().SupportsProtocols(h, peer.DHTProtocol)
			return err == nil && len(found) > 0
		}
		seeds := seedsOf(t, keeper)
		for _, noDHT := range []bool{false, true} {
			p := w.StartConfig(&peer.Config{Name: "r", Role: rendezvous.Rendezvous, Seeds: seeds, NoDHT: noDHT})
			time.Sleep(peer.AnnounceDelay + 2*time.Second)
			if speaks(p) == noDHT {
				t.Errorf("NoDHT: %v, and it keeps the table: %v", noDHT, speaks(p))
			}
		}
	})
}

// What was asked for last counts, however fast the requests come.
func TestAnnounceChangesItsMind(t *testing.T) {
	runDHT(t, func(t *testing.T, w *dhtWorld) {
		_, keeper := w.server()
		f, h := w.client(keeper)
		a := peer.NewAnnouncer(f)
		asker, _ := w.client(keeper)
		found := func() bool {
			return slices.Contains(w.rendezvous(asker, id.Net, 10), h.ID())
		}
		serves := func() bool { return slices.Contains(h.Mux().Protocols(), peer.DHTProtocol) }
		for pause := range 30 { // off at every stage of on
			a.Announce(id.Net, true)
			if pause < 10 {
				time.Sleep(peer.AnnounceDelay * 2 / 5)
			} else {
				time.Sleep(peer.AnnounceDelay)
				time.Sleep(time.Duration(pause-10) * time.Millisecond)
			}
			a.Announce(id.Net, false)
		}
		time.Sleep(time.Minute)
		if serves() {
			t.Error("it still keeps the table")
		}
		time.Sleep(peer.RecordLife)
		if found() {
			t.Error("it is still announced")
		}
		a.Announce(id.Net, false)
		a.Announce(id.Net, true)
		time.Sleep(peer.AnnounceDelay - time.Millisecond)
		if serves() {
			t.Error("it did not wait")
		}
		w.Until(5*time.Second, "it is announced", func() bool { return serves() && found() })

		other := id.GroupOf(make([]byte, 32), "chess", nil)
		a.Announce(other, true)
		time.Sleep(peer.AnnounceDelay + time.Second)
		a.Announce(id.Net, false)
		time.Sleep(time.Second)
		if !serves() {
			t.Error("a rendezvous of another group does not keep the table")
		}
	})
}

// Close waits for announcements, at any stage, and ends what comes later.
func TestCloseWhileAnnouncing(t *testing.T) {
	for _, after := range []time.Duration{0, time.Second, peer.AnnounceDelay, peer.AnnounceDelay + latency, peer.AnnounceDelay + 5*latency} {
		runDHT(t, func(t *testing.T, w *dhtWorld) {
			_, keeper := w.server()
			f, h := w.client(keeper)
			a := peer.NewAnnouncer(f)
			a.Announce(id.Net, true)
			time.Sleep(after)
			if err := f.Close(); err != nil {
				t.Error(err)
			}
			a.Announce(id.Net, true)
			synctest.Wait()
			if slices.Contains(h.Mux().Protocols(), peer.DHTProtocol) {
				t.Error("the table is kept after Close")
			}
			for range a.FindRendezvous(context.Background(), id.Net, 1) {
				t.Error("found after Close")
			}
		})
	}
}
