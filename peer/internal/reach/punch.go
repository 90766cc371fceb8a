package reach

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/endpoint"
)

const (
	// dialTimeout bounds one attempt. Where it works at all, it does in a few round trips.
	dialTimeout = 2 * time.Second
	// yieldTime is how long who has called leaves it to the other side to begin.
	yieldTime = 150 * time.Millisecond
	// How soon it is tried again to go on directly, as long as there is a connection
	// through a relay; doubled up to retryMax.
	retryFirst = 2 * time.Second
	retryMax   = 5 * time.Minute
	// What is remembered of attempts: of so many peers so many events each.
	maxTimelines = 64
	maxTimeline  = 32
)

// Event is one step on the way from a relay to a direct connection.
type Event struct {
	At   time.Time
	What string        // "dialled", "dial failed", "punch", "punched", "punch failed", "guess", "guessed", "guess failed", "error"
	Took time.Duration // where it is known
	Note string        // addresses tried, or why it has failed
}

// puncher goes on directly where a relay was the first way.
type puncher struct {
	r          *Reach
	udpBlocked atomic.Bool // nothing came back over UDP from where something does over TCP

	mu        sync.Mutex // guards what follows
	svc       *holepunch.Service
	closed    bool
	timelines map[peer.ID][]Event
	recent    []peer.ID                 // of timelines, the one with the latest event last
	trying    map[peer.ID]chan struct{} // those that are pursued; cap 1
}

func newPuncher(r *Reach) *puncher {
	return &puncher{r: r, timelines: map[peer.ID][]Event{}, trying: map[peer.ID]chan struct{}{}}
}

// identifying is a host that waits for what others say of themselves.
type identifying interface{ IDService() identify.IDService }

// prepare begins the service as soon as somebody has said how he sees us: before that we
// have nothing to tell others, and libp2p would look every quarter of a second whether we
// have.
func (p *puncher) prepare() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.svc != nil || p.closed || len(p.r.seenAddrs()) == 0 {
		return
	}
	h, ok := p.r.host.(identifying)
	if !ok {
		return
	}
	// libp2p looks once more whether there are any, and would wait if they were gone by then.
	first := p.addrs()
	var looked atomic.Bool
	addrs := func() []ma.Multiaddr {
		if !looked.Swap(true) {
			return first
		}
		return p.addrs()
	}
	svc, err := holepunch.NewService(&eitherWay{p.r.host, p.r.ctx}, h.IDService(), addrs,
		holepunch.WithTracer(p), holepunch.WithAddrFilter(p), holepunch.DirectDialTimeout(dialTimeout))
	if err != nil {
		p.r.log.Error("no holes are punched", "err", err)
		return
	}
	p.svc = svc
	p.r.host.Network().Notify((*bystander)(p))
	p.r.begin(func() {
		for _, c := range p.r.host.Network().Conns() {
			p.begin(c)
		}
	})
}

func (p *puncher) close() error {
	p.mu.Lock()
	svc := p.svc
	p.svc, p.closed = nil, true
	p.mu.Unlock()
	if svc == nil {
		return nil
	}
	p.r.host.Network().StopNotify((*bystander)(p))
	return svc.Close()
}

// bystander sees connections come.
type bystander puncher

// Connected begins to go on directly.
func (b *bystander) Connected(_ network.Network, c network.Conn) { (*puncher)(b).begin(c) }

// Disconnected begins anew if it was the direct one.
func (b *bystander) Disconnected(_ network.Network, c network.Conn) {
	if !relayed(c) {
		(*puncher)(b).resume(c.RemotePeer())
	}
}

// Listen is of no interest.
func (*bystander) Listen(network.Network, ma.Multiaddr) {}

// ListenClose is of no interest.
func (*bystander) ListenClose(network.Network, ma.Multiaddr) {}

// begin tries to replace a connection that came through a relay, and again as long as it is
// the only one.
//
// One side has to begin, and the other becomes the client of the connection, over QUIC: it
// alone dials. Through a symmetric NAT nobody gets in at the port that others have seen, but
// it may get out: so a peer behind one leaves it to the other to begin. Otherwise it is the
// one that was called.
func (p *puncher) begin(c network.Conn) {
	if !relayed(c) {
		return
	}
	who := c.RemotePeer()
	if p.enter(who) && !p.r.begin(func() { p.pursue(c, who) }) {
		p.leave(who)
	}
}

// pursue goes on until there is a direct connection to a peer, or none at all.
func (p *puncher) pursue(c network.Conn, who peer.ID) {
	defer func() {
		if again := p.leave(who); again { // another connection has come, or the direct one gone
			if c := p.relayedTo(who); c != nil {
				p.begin(c)
			}
		}
	}()
	wait := time.Duration(0)
	if c.Stat().Direction == network.DirOutbound {
		wait = yieldTime
	}
	for p.identified(c) {
		if p.symmetric() {
			wait = max(wait, retryFirst)
		}
		select {
		case <-time.After(wait):
		case <-p.called(who):
			wait = 0
		case <-p.r.ctx.Done():
			return
		}
		if c.IsClosed() {
			if c = p.relayedTo(who); c == nil {
				return
			}
			wait = 0
			continue
		}
		if p.r.direct(who) != nil || p.r.Way(who) == endpoint.RelayOnly {
			return
		}
		wait = min(max(2*wait, retryFirst), retryMax)
		if p.busy(who) {
			continue // the other side has begun
		}
		if svc := p.service(); svc == nil || svc.DirectConnect(who) == nil {
			return
		}
	}
}

// relayedTo returns a connection to a peer that goes through a relay, or nil.
func (p *puncher) relayedTo(who peer.ID) network.Conn {
	for _, c := range p.r.host.Network().ConnsToPeer(who) {
		if relayed(c) && !c.IsClosed() {
			return c
		}
	}
	return nil
}

// resume tries a peer again that may be reached directly now, or is not any more.
func (p *puncher) resume(who peer.ID) {
	if c := p.relayedTo(who); c != nil && p.r.direct(who) == nil {
		p.begin(c)
	}
}

// identified waits until the other side has said what it speaks.
func (p *puncher) identified(c network.Conn) bool {
	h, ok := p.r.host.(identifying)
	if !ok {
		return false
	}
	select {
	case <-h.IDService().IdentifyWait(c):
		return true
	case <-p.r.ctx.Done():
		return false
	}
}

// symmetric reports whether the host is behind a NAT that shows each another port.
func (p *puncher) symmetric() bool {
	udp, tcp := p.r.NATs()
	return udp == Symmetric || tcp == Symmetric
}

// busy reports whether a hole is being punched for a peer.
func (p *puncher) busy(who peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.timelines[who]
	return len(line) > 0 && line[len(line)-1].What == "punch" && time.Since(line[len(line)-1].At) < dialTimeout
}

func (p *puncher) service() *holepunch.Service {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.svc
}

// enter reports whether nobody pursues a peer yet. Who does hears of it if so.
func (p *puncher) enter(who peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.svc == nil || p.closed {
		return false
	}
	if again := p.trying[who]; again != nil {
		select {
		case again <- struct{}{}:
		default:
		}
		return false
	}
	p.trying[who] = make(chan struct{}, 1)
	return true
}

// called is heard when there is news of a peer that is pursued.
func (p *puncher) called(who peer.ID) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trying[who]
}

// leave ends that, and reports whether there was news that nobody has heard.
func (p *puncher) leave(who peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	again := p.trying[who]
	delete(p.trying, who)
	return len(again) > 0
}

// addrs are where we may be found through a hole: as others see us, and at home.
func (p *puncher) addrs() []ma.Multiaddr {
	all := p.r.seenAddrs()
	if len(all) == 0 {
		return nil
	}
	for _, a := range p.r.host.Addrs() {
		if ip, ok := ipOf(a); ok && !isCircuit(a) && !ip.IsLoopback() && transportOf(a) != "ws" && !ma.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// FilterLocal implements [holepunch.AddrFilter]: who is to be met through relays only is not
// told where we are.
func (p *puncher) FilterLocal(who peer.ID, addrs []ma.Multiaddr) []ma.Multiaddr {
	if p.r.Way(who) == endpoint.RelayOnly {
		return nil
	}
	return addrs
}

// FilterRemote implements [holepunch.AddrFilter]: at its private addresses a peer is only
// to be found if both are behind the same public one, or none is public.
func (p *puncher) FilterRemote(_ peer.ID, addrs []ma.Multiaddr) []ma.Multiaddr {
	var ours []netip.Addr
	for _, a := range p.r.seenAddrs() {
		if ip, ok := ipOf(a); ok {
			ours = append(ours, ip)
		}
	}
	near, public := false, false
	for _, a := range addrs {
		ip, ok := ipOf(a)
		public = public || ok && isPublicIP(ip)
		near = near || slices.Contains(ours, ip)
	}
	if near || !public {
		return addrs
	}
	return slices.DeleteFunc(slices.Clone(addrs), func(a ma.Multiaddr) bool { return !manet.IsPublicAddr(a) })
}
