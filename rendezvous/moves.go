package rendezvous

import (
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/index"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// settleTime is how long the peerview has to be quiet before the index follows it,
// and settleMost how long it is waited for.
const (
	settleTime = 300 * time.Millisecond
	settleMost = 2 * time.Second
)

// moves says that the peerview, or our heirs, have changed.
func (srv *server) moves() {
	select {
	case srv.moved <- struct{}{}:
	default:
	}
}

// replicateMoves has the index follow the peerview: whenever that has changed,
// advertisements go to those that are their replicas now and were not before. Our
// edges are told which rendezvous suit them now.
func (srv *server) replicateMoves() {
	old := srv.ranks()
	for {
		select {
		case <-srv.moved:
		case <-srv.ctx.Done():
			return
		}
		srv.awaitQuiet()
		now := srv.ranks()
		if now.Version != old.Version {
			srv.endFollowers()
			srv.replicate(srv.ctx, srv.newcomers(old, now))
		}
		old = now
		srv.regrant()
		srv.connect(srv.s.members())
	}
}

// awaitQuiet waits until the peerview does not change any more.
func (srv *server) awaitQuiet() {
	end := time.After(settleMost)
	for {
		select {
		case <-srv.moved:
		case <-time.After(settleTime):
			return
		case <-end:
			return
		case <-srv.ctx.Done():
			return
		}
	}
}

func (srv *server) ranks() *view.Ranking {
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	return srv.s.view.Ranking()
}

// newcomers finds, for everything in our part of the index, who shall have it by the
// new ranking and did not by the old one. It is sent by its home; and where that may
// be gone, by the first of those that were replicas before and still are. That one
// adopts what came from a rendezvous that is gone, until its publisher is at home again.
func (srv *server) newcomers(old, now *view.Ranking) map[id.Peer][]*wire.Entry {
	srv.indexing.Lock()
	all := slices.Collect(srv.index.All())
	srv.indexing.Unlock()
	job := map[id.Peer][]*wire.Entry{}
	n := srv.s.limits.Replication
	at := time.Now()
	for _, e := range all {
		if !e.Source.IsZero() && !now.Has(e.Source) {
			srv.adopt(&e, old, now)
		}
		var to []id.Peer
		for _, k := range e.Keys() {
			before, after := old.Replicas(k.Attr, k.Value, n), now.Replicas(k.Attr, k.Value, n)
			if e.Home.IsZero() && !firstLeft(before, after, srv.s.self) {
				continue
			}
			for _, r := range after {
				if r != srv.s.self && !slices.Contains(before, r) && !slices.Contains(to, r) {
					to = append(to, r)
				}
			}
		}
		home := srv.s.self
		if e.Home.IsZero() {
			home = e.Source
		}
		for _, r := range to {
			job[r] = append(job[r], &wire.Entry{
				Envelope: e.Signed.Envelope(), ExpirationMs: millis(e.Expires.Sub(at)), Home: home.Bytes(),
			})
		}
	}
	return job
}

// adopt takes over a replica that came from a rendezvous that is gone, if we are the
// first that is left of those that have it.
func (srv *server) adopt(e *index.Entry, old, now *view.Ranking) {
	keys, n := e.Keys(), srv.s.limits.Replication
	if len(keys) == 0 {
		return
	}
	k := keys[0]
	if firstLeft(old.Replicas(k.Attr, k.Value, n), now.Replicas(k.Attr, k.Value, n), srv.s.self) {
		srv.indexing.Lock()
		defer srv.indexing.Unlock()
		srv.index.Adopt(e.Signed)
	}
}

// firstLeft reports whether self is the first of those replicas that are left.
func firstLeft(before, after []id.Peer, self id.Peer) bool {
	for _, r := range before {
		if slices.Contains(after, r) {
			return r == self
		}
	}
	return false
}
