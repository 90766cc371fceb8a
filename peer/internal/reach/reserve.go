package reach

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	wantedRelays   = 2                // at which we have a place, if there are so many
	reserveTimeout = 10 * time.Second // for one attempt
	// reserveRetry is for how long a relay is left in peace that has refused us, or could
	// not be asked; doubled up to reserveRetryMax.
	reserveRetry    = time.Second
	reserveRetryMax = time.Minute
	// renewAtMost is how long a place is not renewed, whatever the relay promises.
	renewAtMost = time.Hour
	// searchRetry is how long to wait before the group is asked for relays again.
	searchRetry = 15 * time.Second
	// maxCircuits is at how many addresses of one relay we say that we are.
	maxCircuits = 3
)

// hold is a place at a relay.
type hold struct {
	relay    peer.ID
	since    time.Time
	until    time.Time
	renew    time.Time
	circuits []ma.Multiaddr
	release  context.CancelFunc
}

// refusal is how a relay has let us down lately.
type refusal struct {
	wait  time.Duration
	until time.Time
}

// candidate says whether a peer that we are connected to is a relay.
func (r *Reach) candidate(p peer.ID, is bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if is {
		if !r.candidates[p] {
			delete(r.refused, p) // it is there anew
		}
		r.candidates[p] = true
	} else {
		delete(r.candidates, p)
		delete(r.refused, p)
	}
}

// seek asks relays for a place, as long as there are too few, and renews what is due.
func (r *Reach) seek() {
	now := time.Now()
	r.expire(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	wanted := wantedRelays
	if r.public {
		wanted = 1 // for those who reach relays only: their network lets nothing else through
	}
	if r.cfg.Public == On || !r.cfg.wants(r) {
		return
	}
	for p, h := range r.holds {
		if now.After(h.renew) && !r.asking[p] {
			h.renew = now.Add(reserveRetryMax)
			r.askLocked(p)
		}
	}
	missing := wanted - len(r.holds) - len(r.asking)
	if missing <= 0 {
		return
	}
	for _, p := range r.rankedLocked() {
		if missing == 0 {
			return
		}
		if r.holds[p] == nil && !r.asking[p] && now.After(r.refused[p].until) {
			r.askLocked(p)
			missing--
		}
	}
	if !r.public && len(r.holds)+len(r.asking) == 0 && !r.searching && now.After(r.nextSearch) && r.cfg.Find != nil {
		r.nextSearch = now.Add(searchRetry)
		r.searching = r.begin(r.search)
	}
}

// expire gives up places that have not been renewed in time.
func (r *Reach) expire(now time.Time) {
	r.mu.Lock()
	var over []peer.ID
	for p, h := range r.holds {
		if now.After(h.until) {
			over = append(over, p)
		}
	}
	r.mu.Unlock()
	for _, p := range over {
		r.lost(p)
	}
}

// wants reports whether a host that is not public is to be reached through relays: not if
// it keeps to its machine, or listens nowhere.
func (c *Config) wants(r *Reach) bool {
	if c.Public == Off {
		return true
	}
	return slices.ContainsFunc(r.host.Network().ListenAddresses(), func(a ma.Multiaddr) bool {
		return !isCircuit(a) && !manet.IsIPLoopback(a)
	})
}

// rankedLocked are the relays that could be asked, those first that are public.
func (r *Reach) rankedLocked() []peer.ID {
	all := slices.Collect(maps.Keys(r.candidates))
	rank := func(p peer.ID) int {
		for _, c := range r.host.Network().ConnsToPeer(p) {
			if !relayed(c) && manet.IsPublicAddr(c.RemoteMultiaddr()) {
				return 0
			}
		}
		return 1
	}
	slices.SortFunc(all, func(a, b peer.ID) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	return all
}

// askLocked asks a relay for a place, or to keep it.
func (r *Reach) askLocked(p peer.ID) {
	r.asking[p] = true
	r.begin(func() {
		ctx, cancel := context.WithTimeout(network.WithNoDial(r.ctx, "reserve"), reserveTimeout)
		defer cancel()
		res, err := client.Reserve(ctx, r.host, peer.AddrInfo{ID: p})
		r.mu.Lock()
		delete(r.asking, p)
		if err != nil {
			last := r.refused[p]
			wait := min(max(2*last.wait, reserveRetry), reserveRetryMax)
			if h := r.holds[p]; r.candidates[p] || h != nil {
				r.refused[p] = refusal{wait, time.Now().Add(wait)}
				if h != nil {
					h.renew = time.Now().Add(wait)
				}
			}
			r.mu.Unlock()
			r.log.Debug("no place at a relay", "relay", p, "err", err)
			r.nudge()
			return
		}
		delete(r.refused, p)
		r.mu.Unlock()
		r.reserved(p, res)
	})
}

// reserved takes up a reservation.
func (r *Reach) reserved(p peer.ID, res *client.Reservation) {
	c := r.direct(p)
	if c == nil {
		r.nudge()
		return // it was lost meanwhile, and the place with it
	}
	circuits := circuitsAt(p, res.Addrs, c.RemoteMultiaddr())
	now := time.Now()
	r.mu.Lock()
	h := r.holds[p]
	fresh := h == nil
	if fresh {
		ctx, release := context.WithCancel(r.ctx)
		h = &hold{relay: p, since: now, release: release}
		r.holds[p] = h
		r.host.ConnManager().Protect(p, protectTag)
		r.begin(func() { r.soundAll(ctx, p) })
	}
	h.until = res.Expiration
	h.renew = now.Add(min(time.Until(res.Expiration)/2, renewAtMost))
	changed := !slices.EqualFunc(h.circuits, circuits, ma.Multiaddr.Equal)
	h.circuits = circuits
	r.mu.Unlock()
	if r.direct(p) == nil { // it was lost meanwhile, and nobody will say so again
		r.lost(p)
		return
	}
	if fresh {
		r.log.Info("place at a relay", "relay", p, "until", res.Expiration)
	}
	if changed {
		r.tell()
	}
	if fresh {
		r.punch.prepare()
		r.cfg.Changed()
	}
}

const protectTag = "juxta-relay"

// lost gives up a place at a relay that is gone.
func (r *Reach) lost(p peer.ID) {
	r.mu.Lock()
	h := r.holds[p]
	delete(r.holds, p)
	r.mu.Unlock()
	if h == nil {
		return
	}
	h.release()
	r.host.ConnManager().Unprotect(p, protectTag)
	r.log.Info("place at a relay lost", "relay", p)
	r.tell()
	r.cfg.Changed()
}

// search looks for relays in the group, and connects to them: what they are says their
// identification.
func (r *Reach) search() {
	ctx, cancel := context.WithTimeout(r.ctx, searchRetry)
	defer cancel()
	defer func() {
		r.mu.Lock()
		r.searching = false
		r.mu.Unlock()
	}()
	found := 0
	for info := range r.cfg.Find(ctx) {
		if info.ID == r.host.ID() || r.direct(info.ID) != nil { // who is connected was asked
			continue
		}
		if r.host.Connect(network.WithForceDirectDial(ctx, "relay"), info) != nil {
			continue
		}
		if hop, _ := r.host.Peerstore().SupportsProtocols(info.ID, proto.ProtoIDv2Hop); len(hop) == 0 {
			continue // it only says that it is one
		}
		if found++; found >= wantedRelays {
			return
		}
	}
}

// direct returns a connection to a peer that no relay carries, or nil.
func (r *Reach) direct(p peer.ID) network.Conn {
	for _, c := range r.host.Network().ConnsToPeer(p) {
		if !relayed(c) && !c.IsClosed() {
			return c
		}
	}
	return nil
}

// circuitsLocked are the addresses at relays.
func (r *Reach) circuitsLocked() []ma.Multiaddr {
	var all []ma.Multiaddr
	for _, p := range slices.Sorted(maps.Keys(r.holds)) {
		all = append(all, r.holds[p].circuits...)
	}
	return all
}

// circuitsAt makes addresses at a relay of those that it has: one a transport, public ones
// before others; if it says nothing of use, the one that it was reached at.
func circuitsAt(p peer.ID, addrs []ma.Multiaddr, reached ma.Multiaddr) []ma.Multiaddr {
	ip, _ := ipOf(reached)
	rank := func(a ma.Multiaddr) int {
		at, ok := ipOf(a)
		switch {
		case !ok || isCircuit(a) || at.IsLoopback() && !ip.IsLoopback():
			return 3
		case at == ip && isPublicIP(at):
			return 0
		case isPublicIP(at):
			return 1
		}
		return 2
	}
	addrs = slices.Clone(addrs)
	for i, a := range addrs { // some end with the relay's ID
		addrs[i], _ = peer.SplitAddr(a)
	}
	addrs = slices.DeleteFunc(addrs, func(a ma.Multiaddr) bool {
		at, _ := ipOf(a)
		return a == nil || rank(a) == 3 || rank(a) == 2 && at != ip
	})
	slices.SortStableFunc(addrs, func(a, b ma.Multiaddr) int { return cmp.Compare(rank(a), rank(b)) })
	at := ma.StringCast("/p2p/" + p.String() + "/p2p-circuit")
	var circuits []ma.Multiaddr
	had := map[string]bool{}
	for _, a := range append(addrs, reached) {
		if t := transportOf(a); !had[t] && len(circuits) < maxCircuits {
			had[t] = true
			circuits = append(circuits, a.Encapsulate(at))
		}
	}
	return circuits
}

// transportOf is "udp", "tcp" or "ws".
func transportOf(a ma.Multiaddr) string {
	if _, err := a.ValueForProtocol(ma.P_WS); err == nil {
		return "ws"
	}
	if _, err := a.ValueForProtocol(ma.P_WSS); err == nil {
		return "ws"
	}
	if _, err := a.ValueForProtocol(ma.P_UDP); err == nil {
		return "udp"
	}
	return "tcp"
}
