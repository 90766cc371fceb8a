package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/peer/internal/reach"
	"github.com/juxta-p2p/juxta/pipe"
)

// Reachability says how others reach a peer, as far as it knows.
type Reachability struct {
	Public bool // without a relay
	Relay  bool // it is a relay for others
	// UDP and TCP say what kind of NAT is between the peer and others: "none", "cone" (all
	// see the same port), "symmetric" (each sees another), "preserved" or "mapped" (one has
	// seen the peer's own port, or another), "blocked", or "unknown".
	UDP, TCP     string
	Places       []Place
	Observations []Observation // the latest last
}

// Place is one at a relay, through which the peer is reached.
type Place struct {
	Relay        string // its libp2p ID
	Since, Until time.Time
	Addrs        []string // of this peer there, without its ID at the end
}

// Observation is what another peer sees a connection of ours come from.
type Observation struct {
	By          string // its libp2p ID
	At          time.Time
	Seen, Local string // multiaddrs
}

// Reachability returns how others reach the peer.
func (p *Peer) Reachability() Reachability {
	udp, tcp := p.reach.NATs()
	s := Reachability{Public: p.reach.Public(), Relay: p.reach.Relaying(), UDP: string(udp), TCP: string(tcp)}
	for _, at := range p.reach.Places() {
		place := Place{Relay: at.Relay.String(), Since: at.Since, Until: at.Until}
		for _, a := range at.Addrs {
			place.Addrs = append(place.Addrs, a.String())
		}
		s.Places = append(s.Places, place)
	}
	for _, o := range p.reach.Observations() {
		s.Observations = append(s.Observations, Observation{o.By.String(), o.At, o.Seen.String(), o.Local.String()})
	}
	return s
}

// AwaitReachable waits until others can reach the peer: it is public, or has a place at a
// relay. The error is the context's, or net.ErrClosed.
func (p *Peer) AwaitReachable(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	err := p.reach.Await(ctx)
	if err != nil && p.ctx.Err() != nil {
		err = net.ErrClosed
	}
	if err != nil {
		return fmt.Errorf("peer: await a way to be reached: %w", err)
	}
	return nil
}

// SetRelay has the peer be a relay, or not, or decide itself.
func (p *Peer) SetRelay(m RelayMode) error {
	mode, ok := map[RelayMode]reach.Mode{RelayOn: reach.On, RelayOff: reach.Off, RelayAuto: reach.Auto}[m]
	if !ok {
		return fmt.Errorf("peer: relay %q: auto, on or off are wanted", m)
	}
	p.relayMode.Store(m)
	if !p.cfg.reachable() {
		return errors.New("peer: this network has no relays")
	}
	p.reach.Serve(mode)
	return nil
}

// RelayMode returns whether the peer was told to be a relay, or not, or decides itself.
func (p *Peer) RelayMode() RelayMode {
	if m, ok := p.relayMode.Load().(RelayMode); ok {
		return m
	}
	return p.cfg.Relay
}

// Relaying is what a relay does for others, and has done.
type Relaying struct {
	Since    time.Time
	Limits   RelayLimits
	Places   int    // that are taken
	Circuits int    // open now
	Served   uint64 // circuits that were opened
	Refused  uint64 // requests for a place or a circuit
	// Carried has those first for whom most was carried.
	Carried []Carried
}

// Carried is what a relay has carried for one peer.
type Carried struct {
	Host  string // libp2p ID
	Place bool   // it has a place at the relay
	In    uint64 // bytes from it
	Out   uint64 // bytes to it
}

// Relaying returns what the peer does as a relay; nil if it is none.
func (p *Peer) Relaying() *Relaying {
	s := p.reach.Serving()
	if s == nil {
		return nil
	}
	l := s.Limits
	st := &Relaying{
		Since: s.Since, Places: s.Places, Circuits: s.Circuits, Served: s.Served, Refused: s.Refused,
		Limits: RelayLimits{l.Reservations, l.PerAddress, l.Circuits, l.Bytes, l.Lease},
	}
	for _, a := range s.Accounts {
		st.Carried = append(st.Carried, Carried{a.Peer.String(), a.Place, a.In, a.Out})
	}
	return st
}

// Attempt is one step of going on directly to a peer that was reached through a relay.
type Attempt struct {
	At   time.Time
	What string        // "dialled", "dial failed", "punch", "punched", "punch failed", "guess", "guessed", "guess failed", "error"
	Took time.Duration // of a punch: the round trip through the relay
	Note string        // addresses that were tried, or why it failed
}

// Attempts returns what was tried to go on directly to a host, the latest last.
func (p *Peer) Attempts(host hostid.ID) []Attempt {
	var all []Attempt
	for _, e := range p.reach.Timeline(host) {
		all = append(all, Attempt(e))
	}
	return all
}

// SetWay says by which ways a peer may be reached from now on, in any group: a relay is
// taken at once and a direct way when there is one (pipe.AnyWay), which is how it begins;
// or only the one or the other. Connections that are not of such a way are closed, and
// refused. To say so of one pipe only, see [pipe.WithWay].
//
// No hole can be punched to a peer that may not be reached through a relay at first.
func (p *Peer) SetWay(who *adv.Signed, w pipe.Way) error {
	if w != pipe.AnyWay && w != pipe.DirectOnly && w != pipe.RelayOnly {
		return fmt.Errorf("peer: way %q: %s, %s or %s are wanted", w, pipe.AnyWay, pipe.DirectOnly, pipe.RelayOnly)
	}
	if !p.cfg.reachable() {
		if w == pipe.AnyWay {
			return nil
		}
		return errors.New("peer: ways: there is only the direct one on this network")
	}
	p.reach.SetWay(who.Host(), w)
	return nil
}

// Way returns by which ways a peer may be reached.
func (p *Peer) Way(who *adv.Signed) pipe.Way { return p.reach.Way(who.Host()) }
