package peer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	probesAtOnce = 4
	probeTimeout = 3 * time.Second // for each
	maxProbes    = 32              // addresses of one peer that are tried
)

// Trial is one address of a peer, and what became of trying it.
type Trial struct {
	Addr  string        // multiaddr, without the peer's ID at the end
	Kind  string        // "loopback", "private", "public" or "relay"
	Relay string        // of kind relay: its libp2p ID
	OK    bool          // the peer answers there
	Took  time.Duration // to find out; 0: it was not tried
	Why   Trouble       // if it does not
	Cause string        // the same, in a person's words; or what has to be said if it does
}

// probe tries each address on its own, beside what connections there are: each attempt is
// given up as soon as the peer has answered, and the host never knows of it. Those at
// relays are tried one after the other, as libp2p makes one of two at once.
// The relay that carries a connection which answers is not asked for another one.
func (p *Peer) probe(ctx context.Context, who hostid.ID, addrs []ma.Multiaddr, through string) []Trial {
	trials := make([]Trial, len(addrs))
	room := make(chan struct{}, probesAtOnce)
	var wg sync.WaitGroup
	var circuits []int
	for i, a := range addrs {
		trials[i] = Trial{Addr: a.String(), Kind: kindOf(a), Relay: relayOf(a)}
		if trials[i].Kind == "relay" {
			circuits = append(circuits, i)
			continue
		}
		wg.Go(func() {
			room <- struct{}{}
			p.try(ctx, who, a, through, &trials[i])
			<-room
		})
	}
	wg.Go(func() {
		for _, i := range circuits {
			p.try(ctx, who, addrs[i], through, &trials[i])
		}
	})
	wg.Wait()
	return trials
}

func (p *Peer) try(ctx context.Context, who hostid.ID, a ma.Multiaddr, through string, w *Trial) {
	if !p.mayTake(who, w.Kind == "relay") {
		w.Why, w.Cause = LeftOut, "left out: it may not be reached so, as route way has it"
		return
	}
	if w.Relay == p.host.ID().String() {
		w.Why, w.Cause = LeftOut, "left out: this peer is that relay"
		return
	}
	begun := time.Now()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	var err error
	switch {
	case w.Relay == "" || through == "":
		err = p.dialOnce(ctx, who, a)
	case w.Relay == through:
		w.Cause = "in use"
	default:
		err = p.dialRelay(ctx, a, w.Relay)
		w.Cause = "the relay answers; not tried further, as another one carries the connection"
	}
	w.Took = max(time.Since(begun), 1)
	w.OK = err == nil
	if err == nil {
		return
	}
	w.Why, w.Cause = inWords(err, a, w.Took, p.host.ID())
	if w.Relay != "" && (w.Why == Failed || w.Why == Silent) && !p.connected(w.Relay) {
		w.Why, w.Cause = NoRelay, "the relay does not answer" // it was lost over this
	}
}

// connected reports whether there is a connection to a host.
func (p *Peer) connected(host string) bool {
	h, err := hostid.Decode(host)
	return err == nil && p.host.Network().Connectedness(h) == network.Connected
}

// dialOnce connects to a peer at an address, and ends that connection at once.
func (p *Peer) dialOnce(ctx context.Context, who hostid.ID, a ma.Multiaddr) error {
	net, ok := p.host.Network().(*swarm.Swarm)
	if !ok {
		return errNoTransport
	}
	if own, err := net.InterfaceListenAddresses(); err == nil && ma.Contains(own, a) { // TCP could connect to itself
		return sec.ErrPeerIDMismatch{Expected: who, Actual: p.host.ID()}
	}
	t := net.TransportForDialing(a)
	if t == nil {
		return errNoTransport
	}
	c, err := t.Dial(ctx, a, who)
	if err != nil {
		return err
	}
	_ = c.Close() // it has served its purpose
	return nil
}

// dialRelay sees whether the relay of an address can be reached.
func (p *Peer) dialRelay(ctx context.Context, a ma.Multiaddr, relay string) error {
	h, err := hostid.Decode(relay)
	if err != nil {
		return err
	}
	at, _ := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_P2P })
	info := hostid.AddrInfo{ID: h}
	if len(at) > 0 {
		info.Addrs = []ma.Multiaddr{at}
	}
	if err := p.host.Connect(ctx, info); err != nil {
		return &relayError{err}
	}
	return nil
}

// errNoTransport: the host does not speak what an address is of.
var errNoTransport = errors.New("no transport for it")

// relayError is trouble with the relay itself.
type relayError struct{ err error }

func (e *relayError) Error() string { return "error opening hop stream to relay: " + e.err.Error() }
func (e *relayError) Unwrap() error { return e.err }

// kindOf says where an address is of use.
func kindOf(a ma.Multiaddr) string {
	switch {
	case relayOf(a) != "":
		return "relay"
	case manet.IsIPLoopback(a):
		return "loopback"
	case manet.IsPublicAddr(a):
		return "public"
	}
	return "private"
}

// relayOf is the libp2p ID of the relay in an address, "" if there is none.
func relayOf(a ma.Multiaddr) string {
	relay := ""
	for _, c := range a {
		switch c.Protocol().Code {
		case ma.P_P2P:
			relay = c.Value()
		case ma.P_CIRCUIT:
			return relay
		}
	}
	return ""
}

// elsewhere reports whether an address is of a private network that this machine is not on.
func elsewhere(a ma.Multiaddr) bool {
	ip, err := manet.ToIP(a)
	if err != nil || kindOf(a) != "private" {
		return false
	}
	addr, _ := netip.AddrFromSlice(ip)
	own, _ := net.InterfaceAddrs()
	return !slices.ContainsFunc(own, func(n net.Addr) bool {
		in, ok := n.(*net.IPNet)
		return ok && in.Contains(addr.Unmap().AsSlice())
	})
}
