package testnet

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// Host starts a libp2p host at the next address of the network, that is no peer
// of ours: a stranger, who says what a test has it say.
func (w *World) Host() host.Host {
	w.T.Helper()
	h, err := libp2p.New(w.Net.Options(netip.AddrPortFrom(w.nextAddr(), 4001), libp2p.NoSecurity))
	if err != nil {
		w.T.Fatalf("start a host: %v", err)
	}
	w.closeLater(h)
	return h
}

// Endpoint starts a peer of the net group that has nothing but an endpoint: the
// test is its services.
func (w *World) Endpoint(name string) (*endpoint.Endpoint, host.Host) {
	w.T.Helper()
	h := w.Host()
	return w.EndpointOn(h, name), h
}

// EndpointOn makes such a peer of a host.
func (w *World) EndpointOn(h host.Host, name string) *endpoint.Endpoint {
	w.T.Helper()
	e := endpoint.New(&endpoint.Config{Host: h, Group: id.Net, Self: w.Sign(h, PeerAdvertisement(h, id.Net, name))})
	w.closeLater(e)
	return e
}

// Resolver gives such a peer a resolver. It is an edge that never has a lease unless
// somebody near grants one.
func (w *World) Resolver(e *endpoint.Endpoint, h host.Host) *resolver.Service {
	w.T.Helper()
	r := rendezvous.New(&rendezvous.Config{Key: w.Key(h), Endpoint: e, Role: rendezvous.Edge})
	w.closeLater(r)
	return resolver.New(&resolver.Config{Endpoint: e, Rendezvous: r})
}

func (w *World) closeLater(c interface{ Close() error }) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts = append(w.hosts, c)
}

// PeerAdvertisement describes a host as a peer of a group.
func PeerAdvertisement(h host.Host, g id.Group, name string) *adv.Peer {
	pub, err := h.Peerstore().PubKey(h.ID()).Raw()
	if err != nil {
		panic(err) // every host has a key
	}
	a := &adv.Peer{PID: id.PeerOf(id.Net, pub), GID: g, Name: name, Route: adv.Route{Host: h.ID()}}
	for _, m := range h.Addrs() {
		a.Route.Addrs = append(a.Route.Addrs, m.String())
	}
	return a
}

// Sign signs an advertisement with the key of a host.
func (w *World) Sign(h host.Host, a adv.Advertisement) *adv.Signed {
	w.T.Helper()
	s, err := adv.Sign(w.Key(h), a, uint64(time.Now().UnixMilli()))
	if err != nil {
		w.T.Fatalf("sign: %v", err)
	}
	return s
}

// Key returns the private key of a host.
func (w *World) Key(h host.Host) crypto.PrivKey { return h.Peerstore().PrivKey(h.ID()) }

// Info says where a peer is, as a host wants to know it.
func (w *World) Info(p *peer.Peer) hostid.AddrInfo {
	w.T.Helper()
	info, err := hostid.AddrInfoFromString(p.Addrs()[0])
	if err != nil {
		w.T.Fatal(err)
	}
	return *info
}

// Until waits, in virtual time, for something to become true, no longer than d.
func (w *World) Until(d time.Duration, what string, cond func() bool) {
	w.T.Helper()
	for end := time.Now().Add(d); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.T.Fatalf("not in %v: %s", d, what)
		}
	}
}

// Pass lets time pass: in a bubble, where that costs nothing.
func (w *World) Pass(d time.Duration) { time.Sleep(d) }
