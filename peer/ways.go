package peer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
)

// Conn is a connection to a host that is open now.
type Conn struct {
	Addr     string // of the other end, a multiaddr
	Relay    string // that carries it, by its libp2p ID; "": it is direct
	Outbound bool   // this peer has made it
	Since    time.Time
}

// Conns returns the connections to a host, named by its libp2p ID: direct ones first, as
// they are preferred, then the oldest.
func (p *Peer) Conns(host string) []Conn {
	h, err := hostid.Decode(host)
	if err != nil {
		return nil
	}
	var all []Conn
	for _, c := range p.host.Network().ConnsToPeer(h) {
		st := c.Stat()
		all = append(all, Conn{
			Addr: c.RemoteMultiaddr().String(), Relay: relayOf(c.RemoteMultiaddr()),
			Outbound: st.Direction == network.DirOutbound, Since: st.Opened,
		})
	}
	slices.SortStableFunc(all, func(a, b Conn) int {
		return cmp.Or(cmp.Compare(min(len(a.Relay), 1), min(len(b.Relay), 1)), a.Since.Compare(b.Since))
	})
	return all
}

// Online reports whether the peer is connected to anybody.
func (p *Peer) Online() bool { return len(p.host.Network().Peers()) > 0 }

// RTT returns about how long a round trip to a host takes, as the pings of late have it;
// 0 if there were none.
func (p *Peer) RTT(host string) time.Duration {
	h, err := hostid.Decode(host)
	if err != nil {
		return 0
	}
	return p.host.Peerstore().LatencyEWMA(h)
}

// NameOf returns the name that a host bears, as far as it is known in the net group, or "".
func (p *Peer) NameOf(host string) string {
	if host == p.HostID() {
		return p.Name()
	}
	who, ok := group.ParsePeer(host)
	if !ok {
		return ""
	}
	for a := range p.net.Discovery().Local(discovery.Query{Kind: adv.KindPeer, Attr: "PID", Value: who.String(), Limit: 1}) {
		return a.Advertisement().(*adv.Peer).Name
	}
	return ""
}

// Listening returns the multiaddrs that the peer listens on.
func (p *Peer) Listening() []string {
	var all []string
	for _, a := range p.host.Network().ListenAddresses() {
		if a.String() != "/p2p-circuit" { // which is how libp2p hears of connections through relays
			all = append(all, a.String())
		}
	}
	return all
}

// Addresses returns where a host may be, as far as this peer knows: multiaddrs, from its
// advertisement, from what it has said while it was connected, and from [Peer.Teach].
func (p *Peer) Addresses(host string) []string {
	h, err := hostid.Decode(host)
	if err != nil {
		return nil
	}
	var all []string
	for _, a := range p.host.Peerstore().Addrs(h) {
		all = append(all, a.String())
	}
	slices.Sort(all)
	return all
}

// Teach has the peer try a host at more addresses. They are known until the host
// introduces itself with others, is forgotten, or the peer ends. An address may end with
// the host's ID; one at a relay begins with the relay's address and ID, and /p2p-circuit.
func (p *Peer) Teach(host string, addrs ...string) error {
	h, err := hostid.Decode(host)
	if err != nil {
		return fmt.Errorf("peer: %s is no libp2p ID: %w", host, err)
	}
	all, err := parseAddrs(h, addrs)
	if err != nil {
		return err
	}
	p.host.Peerstore().AddAddrs(h, all, peerstore.PermanentAddrTTL)
	return nil
}

// Meet connects to a host at the addresses that are known of it, and makes it a neighbour
// in the net group. The error is an [*endpoint.Error].
func (p *Peer) Meet(ctx context.Context, host string) (*adv.Signed, error) {
	h, err := hostid.Decode(host)
	if err != nil {
		return nil, fmt.Errorf("peer: %s is no libp2p ID: %w", host, err)
	}
	return p.net.Connect(ctx, hostid.AddrInfo{ID: h})
}

func parseAddrs(h hostid.ID, addrs []string) ([]ma.Multiaddr, error) {
	var all []ma.Multiaddr
	for _, s := range addrs {
		m, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("peer: %s is no multiaddr", s)
		}
		at, of := hostid.SplitAddr(m)
		switch {
		case of != "" && of != h:
			return nil, fmt.Errorf("peer: %s is an address of another peer", s)
		case len(at) == 0:
			return nil, fmt.Errorf("peer: %s says whom, but not where", s)
		}
		if _, err := at.ValueForProtocol(ma.P_CIRCUIT); err == nil && relayOf(at) == "" {
			return nil, fmt.Errorf("peer: %s does not say which relay: its ID belongs before /p2p-circuit", s)
		}
		all = append(all, at)
	}
	return all, nil
}

// Forget has the peer forget where a host may be: these addresses, or all if there are
// none. It returns how many were forgotten.
func (p *Peer) Forget(host string, addrs ...string) (int, error) {
	h, err := hostid.Decode(host)
	if err != nil {
		return 0, fmt.Errorf("peer: %s is no libp2p ID: %w", host, err)
	}
	gone, err := parseAddrs(h, addrs)
	if err != nil {
		return 0, err
	}
	book := p.host.Peerstore()
	before := len(book.Addrs(h))
	if len(addrs) == 0 {
		book.ClearAddrs(h)
	} else {
		book.SetAddrs(h, gone, 0)
	}
	return before - len(book.Addrs(h)), nil
}

// ForgetAll has the peer forget where those hosts may be that it is not connected to, and
// returns how many those were.
func (p *Peer) ForgetAll() int {
	n := 0
	for _, h := range p.host.Peerstore().PeersWithAddrs() {
		if h != p.host.ID() && p.host.Network().Connectedness(h) == network.NotConnected {
			p.host.Peerstore().ClearAddrs(h)
			n++
		}
	}
	return n
}
