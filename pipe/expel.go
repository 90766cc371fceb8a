package pipe

import (
	"fmt"

	"github.com/juxta-p2p/juxta/id"
)

// ErrExpelled: one of the two ends is not in the group any more, or the other does not take
// it for a member. It wraps [ErrBroken].
var ErrExpelled = fmt.Errorf("%w: one of the ends was put out of the group", ErrBroken)

// Expel ends all that runs between this peer and one of which either does not take the other
// for a member of the group any more: who uses it gets [ErrExpelled], and nobody waits for
// that peer. The zero ID stands for all peers.
func (s *Service) Expel(who id.Peer) {
	for _, x := range s.sessions.with(who) {
		s.spawn(func() {
			if !x.passOn(s.ctx, min(s.patience, failOverAfter)) {
				x.end(ErrExpelled)
			}
		})
	}
	if s.pubsub != nil && !who.IsZero() {
		s.pubsub.expel(who)
	}
}

// with returns the sessions with a peer, or all.
func (t *sessions) with(who id.Peer) []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*session
	for k, x := range t.all {
		if k.peer == who || who.IsZero() {
			all = append(all, x)
		}
	}
	return all
}

func (b *pubsub) expel(who id.Peer) {
	b.mu.Lock()
	all := make([]*publisher, 0, len(b.publishers))
	for _, p := range b.publishers {
		all = append(all, p)
	}
	b.mu.Unlock()
	for _, p := range all {
		p.expel(who)
	}
}

// expel has the author wait for a subscriber no longer.
func (p *publisher) expel(who id.Peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.readers[who]; r != nil {
		delete(p.readers, who)
		r.leave()
	}
	p.audience.Leave(who)
	p.changedLocked()
	poke(p.stir)
}
