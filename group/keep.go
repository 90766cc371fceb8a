package group

import (
	"context"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// keeper has what is news about the membership and is to be acted on, one piece of news
// after the other.
type keeper struct {
	mu      sync.Mutex // guards what follows
	records []*membership.Record
	newer   bool            // the advertisement is another one
	waiting []chan struct{} // of who waits until all of it is done
	wake    chan struct{}   // cap 1
}

func newKeeper() *keeper { return &keeper{wake: make(chan struct{}, 1)} }

// add hands over what is news, and returns what is closed when it was acted on.
func (k *keeper) add(records []*membership.Record, newer bool) <-chan struct{} {
	done := make(chan struct{})
	k.pass(records, newer, []chan struct{}{done})
	return done
}

// pass hands over what is news, and who waits for it.
func (k *keeper) pass(records []*membership.Record, newer bool, waiting []chan struct{}) {
	k.mu.Lock()
	k.records = append(k.records, records...)
	k.newer = k.newer || newer
	k.waiting = append(k.waiting, waiting...)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) take() (records []*membership.Record, newer bool, waiting []chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	records, newer, waiting = k.records, k.newer, k.waiting
	k.records, k.newer, k.waiting = nil, false, nil
	return records, newer, waiting
}

// keep acts on news until ctx ends. Others are told by tellAll, which may take its time.
func (g *Group) keep(ctx context.Context) {
	for {
		select {
		case <-g.keeper.wake:
		case <-ctx.Done():
			return
		}
		records, newer, waiting := g.keeper.take()
		g.rendezvous.Rekeyed()
		g.endpoint.Recheck()
		for _, r := range records {
			g.report(r) // while it is known what they are called
		}
		g.purge(records)
		if newer {
			g.readvertise()
		}
		g.teller.pass(records, newer, waiting)
	}
}

// tellAll tells the neighbours what is news, until ctx ends.
func (g *Group) tellAll(ctx context.Context) {
	for {
		select {
		case <-g.teller.wake:
		case <-ctx.Done():
			return
		}
		records, newer, waiting := g.teller.take()
		if len(records) > 0 || newer {
			g.door.flush(ctx) // what others know because of us we know after a restart, too
			g.sync.tell(ctx, records, newer)
		}
		for _, done := range waiting {
			close(done)
		}
	}
}

// purge drops what those who were put out have published.
func (g *Group) purge(records []*membership.Record) {
	if len(records) == 0 {
		return
	}
	g.presence.purge()
	out := g.door.takeDropped()
	for _, r := range records {
		if rev, ok := r.Revocation(); ok && !rev.Peer.IsZero() {
			out = append(out, rev.Peer)
		}
	}
	for _, who := range out {
		if g.door.revoked(who) {
			g.discovery.Forget(who)
			g.rendezvous.Forget(who)
		}
	}
}

// report tells those who watch of a record.
func (g *Group) report(r *membership.Record) {
	if rev, ok := r.Revocation(); ok {
		g.cfg.Log.Info("credential revoked", "peer", rev.Peer, "credential", rev.Credential, "reason", rev.Reason)
		g.door.events.tell(Event{Kind: Revoked, Peer: rev.Peer, Name: g.presence.name(rev.Peer), Reason: rev.Reason})
		return
	}
	_, key, _ := r.Redemption()
	who := id.PeerOf(id.Net, key)
	g.cfg.Log.Info("invitation used", "record", r)
	g.door.events.tell(Event{Kind: Redeemed, Peer: who, Name: g.presence.name(who), Reason: r.String()})
}

// readvertise takes up a newer version of the group's advertisement.
func (g *Group) readvertise() {
	g.changed()
	g.door.events.tell(Event{Kind: Readvertise})
	if _, err := g.door.standing(); err != nil {
		g.out(err)
	}
	if g.finder != nil {
		g.finder.readvertise()
	}
}

// changed tells whoever keeps them of our credential and the group's advertisement.
func (g *Group) changed() {
	if f := g.cfg.Membership.Changed; f != nil {
		f(g.door.credential(), g.door.advertisement(), g.password())
	}
}

// told waits until what is news was acted on; the end of the context is no failure: it
// goes on.
func (g *Group) told(ctx context.Context) error {
	select {
	case <-g.keeper.add(nil, false):
	case <-ctx.Done():
	case <-g.endpoint.Done():
	}
	return nil
}

// readvertised says that the group's advertisement is another one.
func (g *Group) readvertised() { g.keeper.add(nil, true) }

// beyondPolicy returns the parameters that say nothing of how to become a member.
func beyondPolicy(params []*adv.Element) []*adv.Element {
	var kept []*adv.Element
	for _, e := range params {
		if e != nil && !membership.IsParameter(e.Name) {
			kept = append(kept, e)
		}
	}
	return kept
}
