package peer

import (
	"context"
	"fmt"
	"iter"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/peer/internal/reach"
)

// RelayMode says whether a peer is a relay.
type RelayMode string

// The modes.
const (
	// RelayAuto: while others can reach it from anywhere; or do reach it, as their
	// rendezvous, and no NAT is between them.
	RelayAuto RelayMode = "auto"
	RelayOn   RelayMode = "on"
	RelayOff  RelayMode = "off"
)

// ReachMode says whether others can reach a peer without a relay.
type ReachMode string

// The modes.
const (
	// ReachAuto: the peer finds out. Until it knows better it takes itself for hidden
	// unless it has a public address.
	ReachAuto    ReachMode = "auto"
	ReachPublic  ReachMode = "public"  // they can: it takes no relay
	ReachPrivate ReachMode = "private" // they cannot: it takes relays, wherever it is
)

// RelayLimits bound what a relay does for others. Zero is the default.
type RelayLimits struct {
	Reservations int   // places for peers that are reached through it; 4,096
	PerAddress   int   // of those, for peers behind one IP address; 1,024
	Circuits     int   // connections through it, of one peer at once; 256
	Bytes        int64 // that it carries for one peer in an hour; 0: no limit
	// Lease is how long a place is kept without being renewed; 1 hour.
	Lease time.Duration
}

// checkReach completes what a configuration says of relays.
func (cfg *Config) checkReach() error {
	if cfg.Relay == "" {
		cfg.Relay = RelayAuto
	}
	if cfg.Reach == "" {
		cfg.Reach = ReachAuto
	}
	l := &cfg.RelayLimits
	switch {
	case cfg.Relay != RelayAuto && cfg.Relay != RelayOn && cfg.Relay != RelayOff:
		return fmt.Errorf("%w: relay %q: auto, on or off are wanted", ErrConfig, cfg.Relay)
	case cfg.Reach != ReachAuto && cfg.Reach != ReachPublic && cfg.Reach != ReachPrivate:
		return fmt.Errorf("%w: reach %q: auto, public or private are wanted", ErrConfig, cfg.Reach)
	case min(l.Reservations, l.PerAddress, l.Circuits) < 0 || l.Bytes < 0:
		return fmt.Errorf("%w: limits cannot be negative: %+v", ErrConfig, *l)
	case l.Lease != 0 && l.Lease < time.Second:
		return fmt.Errorf("%w: places at a relay for %v: a second at least is wanted", ErrConfig, l.Lease)
	}
	return nil
}

// reachable reports whether there is anything to do for the peer to be reached: not on a
// simulated network, unless it is told to.
func (cfg *Config) reachable() bool {
	return cfg.Stack == nil || cfg.Relay == RelayOn || cfg.Reach != ReachAuto
}

// newReach makes what keeps the host within reach.
func (p *Peer) newReach() *reach.Reach {
	l := p.cfg.RelayLimits
	return reach.New(&reach.Config{
		Serve:  map[RelayMode]reach.Mode{RelayOn: reach.On, RelayOff: reach.Off}[p.cfg.Relay],
		Public: map[ReachMode]reach.Mode{ReachPublic: reach.On, ReachPrivate: reach.Off}[p.cfg.Reach],
		Limits: reach.Limits{
			Reservations: l.Reservations, PerAddress: l.PerAddress, Circuits: l.Circuits, Bytes: l.Bytes, Lease: l.Lease,
		},
		Needed: p.isNeeded, Find: p.findRelays, Admit: p.mayRelay, Changed: p.reintroduce, Log: p.cfg.Log,
		GuessPorts: p.cfg.GuessPorts && p.cfg.Stack == nil,
	})
}

// isNeeded reports whether this peer is the rendezvous of others.
func (p *Peer) isNeeded() bool {
	select {
	case <-p.up:
		return p.net.Rendezvous().Clients() > 0
	default:
		return false
	}
}

// findRelays asks the net group for relays.
func (p *Peer) findRelays(ctx context.Context) iter.Seq[hostid.AddrInfo] {
	return func(yield func(hostid.AddrInfo) bool) {
		select {
		case <-p.up:
		case <-ctx.Done():
			return
		}
		q := discovery.Query{Kind: adv.KindPeer, Attr: "Relay", Value: "true"}
		for a, err := range p.net.Discovery().Search(ctx, q) {
			if err != nil {
				continue
			}
			if info := infoOf(a); len(info.Addrs) > 0 && !yield(info) {
				return
			}
		}
	}
}

// infoOf is where a peer says that it is.
func infoOf(a *adv.Signed) (info hostid.AddrInfo) {
	doc, ok := a.Advertisement().(*adv.Peer)
	if !ok {
		return info
	}
	info.ID = doc.Route.Host
	for _, s := range doc.Route.Addrs {
		if m, err := ma.NewMultiaddr(s); err == nil {
			info.Addrs = append(info.Addrs, m)
		}
	}
	return info
}

// mayRelay admits to our relay whoever is a member of the net group.
func (p *Peer) mayRelay(ctx context.Context, h hostid.ID) bool {
	select {
	case <-p.up:
	case <-ctx.Done():
		return false
	}
	_, err := p.net.Connect(ctx, hostid.AddrInfo{ID: h})
	return err == nil
}

// reintroduce shows others that the peer has become something else.
func (p *Peer) reintroduce() {
	select {
	case <-p.up:
	default:
		return // its first advertisement will say so
	}
	for _, g := range p.Groups() {
		g.Reintroduce()
	}
}
