package reach

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/endpoint"
)

const (
	// dialTimeout bounds one attempt. Where it works at all, it does in a few round trips.
	dialTimeout = 3 * time.Second
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
	recent    []peer.ID // of timelines, the one with the latest event last
	trying    map[peer.ID]bool
}

func newPuncher(r *Reach) *puncher {
	return &puncher{r: r, timelines: map[peer.ID][]Event{}, trying: map[peer.ID]bool{}}
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
	svc, err := holepunch.NewService(&eitherWay{p.r.host}, h.IDService(), p.addrs,
		holepunch.WithTracer(p), holepunch.WithAddrFilter(p), holepunch.DirectDialTimeout(dialTimeout))
	if err != nil {
		p.r.log.Error("no holes are punched", "err", err)
		return
	}
	p.svc = svc
	p.r.host.Network().Notify((*bystander)(p))
	for _, c := range p.r.host.Network().Conns() {
		p.begin(c)
	}
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

// Disconnected is of no interest.
func (*bystander) Disconnected(network.Network, network.Conn) {}

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
	p.r.wg.Go(func() {
		if !p.enter(who) {
			return
		}
		defer p.leave(who)
		if !p.identified(c) {
			return
		}
		wait := time.Duration(0)
		if c.Stat().Direction == network.DirOutbound {
			wait = yieldTime
		}
		for {
			if p.symmetric() {
				wait = max(wait, retryFirst)
			}
			select {
			case <-time.After(wait):
			case <-p.r.ctx.Done():
				return
			}
			if c.IsClosed() || p.r.direct(who) != nil || p.r.Way(who) == endpoint.RelayOnly {
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
	})
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

func (p *puncher) enter(who peer.ID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.trying[who] || p.closed {
		return false
	}
	p.trying[who] = true
	return true
}

func (p *puncher) leave(who peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.trying, who)
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

// Trace implements [holepunch.EventTracer].
func (p *puncher) Trace(ev *holepunch.Event) {
	p.r.guess.trace(ev)
	e := Event{At: time.Unix(0, ev.Timestamp)}
	there := p.r.direct(ev.Remote) != nil
	switch x := ev.Evt.(type) {
	case *holepunch.DirectDialEvt:
		e.What, e.Took, e.Note = "dialled", x.EllapsedTime, firstLine(x.Error)
		if !x.Success {
			e.What = "dial failed"
		}
	case *holepunch.StartHolePunchEvt:
		e.What, e.Took, e.Note = "punch", x.RTT, strings.Join(x.RemoteAddrs, " ")
	case *holepunch.EndHolePunchEvt:
		e.What, e.Took, e.Note = "punched", x.EllapsedTime, firstLine(x.Error)
		switch {
		case !x.Success && there:
			e.Note = "from the other side"
		case !x.Success:
			e.What = "punch failed"
		}
	case *holepunch.ProtocolErrorEvt:
		if there {
			return // there is nothing left to do
		}
		e.What, e.Note = "error", firstLine(x.Error)
	default: // the number of an attempt
		return
	}
	p.note(ev.Remote, e)
}

// note adds to a peer's timeline.
func (p *puncher) note(who peer.ID, e Event) {
	p.r.log.Debug("on the way to a direct connection", "addr", who, "what", e.What, "took", e.Took, "note", e.Note)
	p.mu.Lock()
	defer p.mu.Unlock()
	line := append(p.timelines[who], e)
	if len(line) > maxTimeline {
		line = line[1:]
	}
	p.timelines[who] = line
	p.recent = append(slices.DeleteFunc(p.recent, func(other peer.ID) bool { return other == who }), who)
	if len(p.recent) > maxTimelines {
		delete(p.timelines, p.recent[0])
		p.recent = p.recent[1:]
	}
}

// Timeline returns what was tried to go on directly to a peer, the latest last.
func (r *Reach) Timeline(who peer.ID) []Event {
	r.punch.mu.Lock()
	defer r.punch.mu.Unlock()
	return slices.Clone(r.punch.timelines[who])
}

// Punch tries now to get a direct connection to a peer that we are connected to through a
// relay. The context bounds the wait, not the attempt.
func (r *Reach) Punch(ctx context.Context, who peer.ID) error {
	if r.direct(who) != nil {
		return nil
	}
	svc := r.punch.service()
	if svc == nil {
		return errors.New("nobody has said yet how he sees us")
	}
	done := make(chan error, 1)
	r.wg.Go(func() { done <- svc.DirectConnect(who) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

// eitherWay is the host as the hole punching service sees it. libp2p's begins by itself, and
// only at the side that was called; ours is told when, and either side may.
type eitherWay struct{ host.Host }

// Network implements [host.Host]: of connections the service hears from us.
func (h *eitherWay) Network() network.Network { return deaf{h.Host.Network()} }

// SetStreamHandler implements [host.Host].
func (h *eitherWay) SetStreamHandler(p protocol.ID, serve network.StreamHandler) {
	h.Host.SetStreamHandler(p, func(s network.Stream) { serve(outboundStream{s}) })
}

// deaf is a network of which nothing is heard.
type deaf struct{ network.Network }

// Notify implements [network.Network].
func (deaf) Notify(network.Notifiee) {}

// outboundStream is one on a connection that seems to be ours.
type outboundStream struct{ network.Stream }

// Conn implements [network.Stream].
func (s outboundStream) Conn() network.Conn { return outboundConn{s.Stream.Conn()} }

type outboundConn struct{ network.Conn }

// Stat implements [network.Conn].
func (c outboundConn) Stat() network.ConnStats {
	st := c.Conn.Stat()
	st.Direction = network.DirOutbound
	return st
}
