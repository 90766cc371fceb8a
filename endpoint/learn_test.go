package endpoint_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

// A rendezvous is reached by what it says of itself as one; what anybody else may say
// of it does not come that far: see adv.
func TestLearnOfARendezvous(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		a, aHost := w.Endpoint("a")
		b, bHost := w.Endpoint("b")
		doc := testnet.PeerAdvertisement(bHost, id.Net, "b")
		rdv := &adv.Rdv{GID: id.Net, PID: doc.PID, Service: "peerview", Route: doc.Route}
		a.Learn(w.Sign(bHost, rdv), time.Hour)
		if _, known := a.Known(b.ID()); !known {
			t.Error("not known")
		}
		if _, err := a.Ping(t.Context(), b.ID()); err != nil {
			t.Error(err)
		}
		ours := testnet.PeerAdvertisement(aHost, id.Net, "a")
		for _, doc := range []adv.Advertisement{&adv.Rdv{GID: id.Net, PID: ours.PID, Service: "peerview", Route: ours.Route}, ours, rendezvousless} {
			a.Learn(w.Sign(aHost, doc), time.Hour)
		}
		if _, known := a.Known(a.ID()); known {
			t.Error("it has learned of itself")
		}
	})
}

// rendezvousless is a document that says nothing of where its publisher is.
var rendezvousless = &adv.Document{Name: "News"}

// restarted signs a newer advertisement of a host than its endpoint shows.
func restarted(w *testnet.World, h host.Host, addr string) *adv.Signed {
	w.T.Helper()
	time.Sleep(time.Second)
	doc := testnet.PeerAdvertisement(h, id.Net, "b")
	doc.Route.Addrs = []string{addr}
	return w.Sign(h, doc)
}

// A neighbour of which something new is heard elsewhere is asked whether it is still
// there. If it answers, nothing happens.
func TestNewsOfANeighbour(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		a, aHost := w.Endpoint("a")
		there := func(h host.Host) bool { return aHost.Network().Connectedness(h.ID()) == network.Connected }
		for name, silent := range map[string]bool{"silent": true, "alive": false} {
			b, bHost := w.Endpoint(name)
			if _, err := a.Connect(t.Context(), infoOf(bHost)); err != nil {
				t.Fatal(err)
			}
			news := restarted(w, bHost, "/ip4/10.7.7.7/tcp/4001")
			if silent {
				w.Net.Partition([]netip.Addr{addrOf(t, bHost)})
			}
			a.Learn(news, time.Hour)
			time.Sleep(7 * time.Second)
			if there(bHost) == silent || near(a, b)() == silent {
				t.Errorf("%s: connected: %v, a neighbour: %v", name, there(bHost), near(a, b)())
			}
			if seq, known := a.Known(b.ID()); !known || seq != news.Seq() {
				t.Errorf("%s: known as of %d, not %d", name, seq, news.Seq())
			}
			w.Net.Heal()
		}
	})
}

func addrOf(t *testing.T, h host.Host) netip.Addr {
	t.Helper()
	s, err := h.Addrs()[0].ValueForProtocol(ma.P_IP4)
	if err != nil {
		t.Fatal(err)
	}
	return netip.MustParseAddr(s)
}
