package rendezvous

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// hearMember takes up what a rendezvous says of itself.
func (srv *server) hearMember(a *adv.Signed, e *wire.Entry) {
	_, o := srv.s.learnOf(a, e)
	if o == view.Added {
		srv.s.log.Info("rendezvous joined", "peer", a.Signer(), "rendezvous", len(srv.s.members()))
		srv.moves()
	}
}

// hearGone acts on the word that a rendezvous is gone: its own, or that of one that
// is a rendezvous itself. Whoever is taken for gone and is not says so; of somebody
// that we are connected to we do not believe it without asking.
func (srv *server) hearGone(a *adv.Signed) {
	d, ok := a.Advertisement().(*adv.Document)
	if !ok || d.Name != gone || d.Element().Value("GID") != srv.s.ep.Group().String() {
		srv.s.count.refused.Add(1)
		return
	}
	who, err := id.ParsePeer(d.Element().Value("PID"))
	until, err2 := strconv.ParseUint(d.Element().Value("Until"), 10, 64)
	if err != nil || err2 != nil {
		srv.s.count.refused.Add(1)
		return
	}
	if who == a.Signer() {
		srv.remove(who, until, true)
		return
	}
	m, ok := srv.member(who)
	switch {
	case !ok || !srv.isMember(a.Signer()):
	case m.Self:
		srv.refute()
	case srv.s.ep.Neighbour(who) != nil:
		srv.spawn(func() { srv.doubt(who) })
	default: // but nothing newer than what we have heard ourselves
		srv.remove(who, min(until, m.Signed.Seq()), false)
	}
}

// refute says that we are there, because somebody says we are not; once for many of
// them.
func (srv *server) refute() {
	srv.mu.Lock()
	now := time.Now()
	due := now.Sub(srv.refutedAt) >= refuteEvery
	if due {
		srv.refutedAt = now
	}
	srv.mu.Unlock()
	if due {
		srv.announce()
	}
}

func (srv *server) member(who id.Peer) (view.Member, bool) {
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	return srv.s.view.Get(who)
}

func (srv *server) isMember(who id.Peer) bool {
	_, ok := srv.member(who)
	return ok
}

// remove takes a member out of the view.
func (srv *server) remove(who id.Peer, until uint64, farewell bool) bool {
	srv.s.mu.Lock()
	var ok bool
	if farewell {
		ok = srv.s.view.Leave(time.Now(), who, until)
	} else {
		ok = srv.s.view.Remove(time.Now(), who, until)
	}
	n := srv.s.view.Len()
	srv.s.mu.Unlock()
	if ok {
		srv.s.log.Info("rendezvous gone", "peer", who, "said so itself", farewell, "rendezvous", n)
		srv.letGo(who)
		srv.moves()
	}
	return ok
}

// retire takes a member out of the view that says it is no rendezvous.
func (srv *server) retire(who id.Peer) {
	if m, ok := srv.member(who); ok {
		srv.remove(who, m.Signed.Seq(), true)
	}
}

// sayFarewell tells the others, if there are any, that we stop.
func (srv *server) sayFarewell() bool {
	srv.s.mu.Lock()
	me, ok := srv.s.view.Get(srv.s.self)
	alone := srv.s.view.Len() == 1
	srv.s.mu.Unlock()
	if !ok || alone {
		return false
	}
	a, err := srv.s.goneDocument(srv.s.self, me.Signed.Seq())
	if err == nil {
		srv.gossip.tell(&wire.Notice{Kind: &wire.Notice_Gone{Gone: a.Envelope()}})
	}
	return err == nil
}

// miss is called when the last connection to a peer has ended. A member that we shall be
// connected to is tried once more before we say that it is gone; connections to others
// may be closed because there are many.
func (srv *server) miss(who id.Peer) {
	if srv.isKept(who) {
		srv.spawn(func() { srv.reach(who) })
	}
}

// reach connects to a member, and says that it is gone if that fails.
func (srv *server) reach(who id.Peer) bool {
	if m, ok := srv.member(who); ok { // the endpoint may have forgotten where it is
		srv.s.ep.Learn(m.Signed, view.MaxTTL)
	}
	ctx, cancel := context.WithTimeout(srv.ctx, dialTimeout)
	defer cancel()
	st, err := srv.s.ep.Open(ctx, who, peerviewService)
	if err == nil {
		_ = st.Reset()
		return true
	}
	if srv.ctx.Err() != nil || !lost(err) {
		return false
	}
	srv.giveUp(who, err)
	return false
}

// doubt asks a member that we are connected to, and that somebody says is gone: the
// connection alone proves nothing, it may take minutes to notice.
func (srv *server) doubt(who id.Peer) {
	if srv.isMember(who) {
		srv.greet(who, dialTimeout)
	}
}

// giveUp takes a member that does not answer out of the view, and tells the others.
func (srv *server) giveUp(who id.Peer, why error) {
	m, ok := srv.member(who)
	if !ok {
		return
	}
	srv.s.log.Info("rendezvous does not answer", "peer", who, "err", why)
	if srv.remove(who, m.Signed.Seq(), false) {
		if a, err := srv.s.goneDocument(who, m.Signed.Seq()); err == nil {
			srv.gossip.tell(&wire.Notice{Kind: &wire.Notice_Gone{Gone: a.Envelope()}})
		}
	}
}

// expire drops what has passed its time.
func (srv *server) expire(now time.Time) {
	srv.s.mu.Lock()
	silent := srv.s.view.Expire(now)
	srv.s.mu.Unlock()
	for _, m := range silent {
		srv.s.log.Info("rendezvous not heard of for long", "peer", m.ID)
		srv.letGo(m.ID)
	}
	if len(silent) > 0 {
		srv.moves()
	}
	srv.indexing.Lock()
	srv.index.Expire(now)
	srv.indexing.Unlock()
}

// probe tries some of those that were lost: they may be back, or a partition over.
func (srv *server) probe() {
	srv.s.mu.Lock()
	lost := srv.s.view.Lost(time.Now())
	srv.s.mu.Unlock()
	for _, i := range rand.Perm(len(lost))[:min(len(lost), probes)] {
		m := lost[i]
		srv.spawn(func() {
			srv.s.ep.Learn(m.Signed, time.Minute)
			if _, err := srv.s.Exchange(srv.ctx, m.ID); err == nil {
				srv.s.log.Info("lost rendezvous found again", "peer", m.ID, "rendezvous", len(srv.s.members()))
			}
		})
	}
}

// muster calls all rendezvous to announce themselves, now and then.
func (srv *server) muster() {
	if srv.mustered() {
		return
	}
	id := make([]byte, 16)
	for i := range id {
		id[i] = byte(rand.Uint32())
	}
	srv.gossip.tell(&wire.Notice{Kind: &wire.Notice_Muster{Muster: &wire.Muster{Id: id}}})
	srv.announce()
}

func (srv *server) answerMuster() {
	if !srv.mustered() {
		srv.announce()
	}
}

// mustered reports whether all were called a short while ago, and takes note.
func (srv *server) mustered() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	now := time.Now()
	if now.Sub(srv.musteredAt) < musterEvery {
		return true
	}
	srv.musteredAt = now
	return false
}

// lost reports whether an error means that the peer is not there, or not in the group
// any more.
func lost(err error) bool {
	return errors.Is(err, endpoint.ErrUnreachable) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, endpoint.ErrNotAdmitted) || errors.Is(err, endpoint.ErrUnknownPeer)
}
