package peer

import (
	"context"
	"errors"
	"fmt"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/pipe"
)

// Why is what became of each way to a peer.
type Why struct {
	Path string        // "self", "direct", "relayed"; "": there is none
	Via  string        // if relayed: the relay's libp2p ID
	RTT  time.Duration // of one round trip; 0: it was not answered
	// Err is why it was not reached, or, where there is a path, why the group has nothing of
	// it: it is not a member, say.
	Err    error
	Trials []Trial
	Here   Situation
	There  *Situation // nil: it could not be asked
	// Way is by which ways the peer may be reached, as [Peer.SetWay] has it.
	Way      pipe.Way
	Attempts []Attempt // to go on directly, the latest last
	Conns    []Conn    // at last, the one that is used first
}

// Why connects to a peer of a group if need be, tries each address of it that is known, and
// asks it how it is placed. The host is its libp2p ID; known is its advertisement, or nil.
// Patience bounds how long connecting may take, and asking. The error is the context's, or
// says that host is no ID.
func (p *Peer) Why(ctx context.Context, g *group.Group, host string, known *adv.Signed, patience time.Duration) (*Why, error) {
	h, err := hostid.Decode(host)
	if err != nil {
		return nil, fmt.Errorf("peer: %s is no libp2p ID: %w", host, err)
	}
	w := &Why{Here: p.Situation(), Way: p.reach.Way(h)}
	if h == p.host.ID() {
		w.Path = "self"
		return w, nil
	}
	w.RTT, w.Err = p.reachOnce(ctx, g, h, patience)
	asked := time.Now()
	w.follow(p.Conns(host), time.Time{})
	told := make(chan *Situation, 1)
	go func() { told <- p.situationOf(ctx, h, patience) }()
	w.Trials = p.probe(ctx, h, p.addressesOf(h, known), w.carrier())
	w.There = <-told
	w.Attempts = p.Attempts(h)
	w.follow(p.Conns(host), asked)
	if w.Path != "" && !w.NotAdmitted() { // it has come to us meanwhile
		w.Err = nil
	}
	return w, ctx.Err()
}

// follow finds the path in the connections. Those that were there before the peer did not
// answer lead nowhere; the host does not know it yet.
func (w *Why) follow(conns []Conn, asked time.Time) {
	w.Conns, w.Path, w.Via = conns, "", ""
	answers := w.Err == nil || errors.Is(w.Err, group.ErrNotAdmitted)
	for _, c := range conns {
		if !answers && (asked.IsZero() || c.Since.Before(asked)) {
			continue
		}
		w.Path, w.Via = "direct", c.Relay
		if c.Relay != "" {
			w.Path = "relayed"
		}
		return
	}
}

// carrier is the relay that carries a connection which answers, "" if none does.
func (w *Why) carrier() string {
	for _, c := range w.Conns {
		if c.Relay != "" && w.Path != "" {
			return c.Relay
		}
	}
	return ""
}

// reachOnce connects to a host, and measures a round trip.
func (p *Peer) reachOnce(ctx context.Context, g *group.Group, h hostid.ID, patience time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := g.Connect(ctx, hostid.AddrInfo{ID: h})
	if err != nil {
		return 0, err
	}
	ping, err := g.Ping(ctx, a.Signer())
	return ping.RTT, err
}

// situationOf asks a host that is connected for its situation; nil if it does not answer.
func (p *Peer) situationOf(ctx context.Context, h hostid.ID, patience time.Duration) *Situation {
	if len(p.Conns(h.String())) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := p.net.Connect(ctx, hostid.AddrInfo{ID: h})
	if err != nil {
		return nil
	}
	s, err := p.AskSituation(ctx, a.Signer())
	if err != nil {
		p.cfg.Log.Debug("situation not told", "addr", h, "err", err)
		return nil
	}
	return s
}

// addressesOf are all addresses of a host that are known, its own word first.
func (p *Peer) addressesOf(h hostid.ID, known *adv.Signed) []ma.Multiaddr {
	var all []ma.Multiaddr
	add := func(a ma.Multiaddr) {
		if at, _ := hostid.SplitAddr(a); len(at) > 0 && !ma.Contains(all, at) && len(all) < maxProbes {
			all = append(all, at)
		}
	}
	if known != nil {
		for _, a := range infoOf(known).Addrs {
			add(a)
		}
	}
	for _, a := range p.host.Peerstore().Addrs(h) {
		add(a)
	}
	return all
}

// mayTake reports whether a host may be reached by a path.
func (p *Peer) mayTake(h hostid.ID, relayed bool) bool {
	switch p.reach.Way(h) {
	case pipe.DirectOnly:
		return !relayed
	case pipe.RelayOnly:
		return relayed
	}
	return true
}

// NotAdmitted reports whether there is a path, but the group has nothing of it.
func (w *Why) NotAdmitted() bool { return w.Path != "" && errors.Is(w.Err, group.ErrNotAdmitted) }
