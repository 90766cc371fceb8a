package rendezvous

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/index"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	indexService   = "index"
	pushTimeout    = 3 * time.Second // for one replica to say that it has an advertisement
	pushIdle       = 5 * time.Minute // before a stream that nothing comes on is ended
	replicateLimit = 512 << 10       // bytes of a Replicate frame

	// What one rendezvous may replicate to us in a second. Beyond it its frames are
	// read later.
	replicaRate, replicaBurst = 5000, 20_000
)

// publish takes entries of an edge, or of ours, into the index, and passes them on to
// their replicas. It returns what was refused when all of them have the rest, or
// have had their time.
func (srv *server) publish(ctx context.Context, from id.Peer, entries []*wire.Entry) []*wire.Refused {
	var refused []*wire.Refused
	job := map[id.Peer][]*wire.Entry{}
	for i, e := range entries {
		a, err := adv.Open(e.GetEnvelope())
		if err == nil && a.Signer() != from && !forAnybody(a) {
			err = fmt.Errorf("%w: %v, published by %v", adv.ErrForged, a, from)
		}
		if err == nil {
			err = srv.s.vet(a, from)
		}
		if err != nil {
			srv.s.log.Warn("publication refused", "peer", from, "err", err)
			srv.s.count.refused.Add(1)
			refused = append(refused, &wire.Refused{Entry: uint32(i), Reason: wire.Refused_INVALID})
			continue
		}
		if r := srv.put(a, e, from, id.Peer{}); r != wire.Refused_UNSPECIFIED {
			refused = append(refused, &wire.Refused{Entry: uint32(i), Reason: r})
			if r != wire.Refused_STALE {
				continue
			}
		}
		on := &wire.Entry{Envelope: e.GetEnvelope(), ExpirationMs: e.GetExpirationMs(), Home: srv.s.self.Bytes()}
		for _, to := range srv.replicasOf(a) {
			job[to] = append(job[to], on)
		}
	}
	srv.replicate(ctx, job)
	return refused
}

// put takes one entry into our part of the index: from an edge as its home, or, if
// home is zero, as a replica.
func (srv *server) put(a *adv.Signed, e *wire.Entry, home, from id.Peer) wire.Refused_Reason {
	now := time.Now()
	entry := index.Entry{Signed: a, Expires: now.Add(duration(e.GetExpirationMs())), Home: home}
	if home.IsZero() {
		entry.Source = homeOf(e)
		entry.Orphan = entry.Source != from
	}
	srv.indexing.Lock()
	var o index.Outcome
	if a.Withdrawn() {
		o = srv.index.Retract(now, a)
	} else {
		o = srv.index.Put(now, entry)
	}
	srv.indexing.Unlock()
	switch o {
	case index.Added:
		if !a.Withdrawn() {
			srv.tellFollowers(a, e, !home.IsZero())
		}
	case index.Quota:
		srv.s.count.refused.Add(1)
		return wire.Refused_QUOTA
	case index.Full:
		srv.s.count.refused.Add(1)
		return wire.Refused_FULL
	case index.Stale:
		return wire.Refused_STALE
	}
	return wire.Refused_UNSPECIFIED
}

// homeOf is the rendezvous that is said to be the home of a replica.
func homeOf(e *wire.Entry) id.Peer {
	v, _ := id.FromBytes(e.GetHome())
	who, _ := v.(id.Peer)
	return who
}

// replicasOf are the rendezvous, but for ourselves, that shall hold an advertisement.
// What is taken back goes to those as well that may hold a copy since they were
// replicas, and may become replicas again.
func (srv *server) replicasOf(a *adv.Signed) []id.Peer {
	n := srv.s.limits.Replication
	if a.Withdrawn() {
		n = srv.reserve()
	}
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	var all []id.Peer
	for _, k := range a.Advertisement().Index() {
		for _, r := range srv.s.view.Replicas(k.Name, k.Value, n) {
			if r != srv.s.self && !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// replicate pushes entries to the rendezvous that shall hold them, side by side, and
// waits until they have them. One that does not take a batch in time does not get the
// next one either.
func (srv *server) replicate(ctx context.Context, job map[id.Peer][]*wire.Entry) {
	push := func(to id.Peer, batch []*wire.Entry) error {
		ctx, cancel := context.WithTimeout(ctx, pushTimeout)
		defer cancel()
		return srv.pusher(to).push(ctx, batch)
	}
	var pushing sync.WaitGroup
	for to, entries := range job {
		pushing.Go(func() {
			for batch := range batches(entries) {
				if err := push(to, batch); err != nil {
					srv.s.log.Debug("not replicated", "to", to, "entries", len(batch), "err", err)
					return
				}
			}
		})
	}
	pushing.Wait()
}

func (srv *server) pusher(to id.Peer) *pusher {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	p := srv.pushers[to]
	if p == nil {
		p = &pusher{srv: srv, to: to, free: make(chan struct{}, 1)}
		srv.pushers[to] = p
	}
	return p
}

// pusher is the way to one replica: a stream on which one frame at a time is sent
// and answered. What comes meanwhile waits, and goes with the next one.
type pusher struct {
	srv *server
	to  id.Peer

	free   chan struct{} // a token while somebody sends
	st     *endpoint.Stream
	stop   func() bool // what resets st in the end
	number uint64

	mu      sync.Mutex // guards waiting
	waiting []*push
}

// push is a call of pusher.push.
type push struct {
	entries []*wire.Entry
	done    chan error // cap 1
}

// push returns when the replica has the entries. Whoever finds nobody sending sends
// everything that waits.
func (p *pusher) push(ctx context.Context, entries []*wire.Entry) error {
	mine := &push{entries, make(chan error, 1)}
	p.mu.Lock()
	p.waiting = append(p.waiting, mine)
	p.mu.Unlock()
	for {
		select {
		case err := <-mine.done:
			return err
		case <-ctx.Done():
			p.mu.Lock()
			p.waiting = slices.DeleteFunc(p.waiting, func(w *push) bool { return w == mine })
			p.mu.Unlock()
			return ctx.Err()
		case p.free <- struct{}{}:
			p.sendAll(mine)
			<-p.free
		}
	}
}

// sendAll sends what waits, in frames, until it has sent mine. It does not end with
// the context of mine: others' entries are on their way, too.
func (p *pusher) sendAll(mine *push) {
	for len(mine.done) == 0 {
		p.mu.Lock()
		var batch []*push
		var entries []*wire.Entry
		size := 0
		for len(p.waiting) > 0 && len(entries) < batchEntries && size < batchBytes {
			w := p.waiting[0]
			p.waiting = p.waiting[1:]
			batch = append(batch, w)
			entries = append(entries, w.entries...)
			for _, e := range w.entries {
				size += len(e.GetEnvelope())
			}
		}
		p.mu.Unlock()
		if len(batch) == 0 {
			return // mine was given up
		}
		err := p.send(entries)
		for _, w := range batch {
			w.done <- err
		}
	}
}

// send sends one frame and waits for the answer. A stream that was there may have
// ended since, with its connection: then a new one is tried.
func (p *pusher) send(entries []*wire.Entry) error {
	ctx, cancel := context.WithTimeout(p.srv.ctx, pushTimeout)
	defer cancel()
	p.number++
	m := &wire.Replicate{Number: p.number, Entries: entries}
	if p.st != nil && p.exchange(ctx, m) == nil {
		return nil
	}
	var err error
	if p.st, err = p.srv.s.ep.Open(ctx, p.to, indexService); err != nil {
		p.st = nil
		return err
	}
	st := p.st
	p.stop = context.AfterFunc(p.srv.ctx, func() { _ = st.Reset() })
	return p.exchange(ctx, m)
}

// exchange does so on the stream that there is; after an error there is none.
func (p *pusher) exchange(ctx context.Context, m *wire.Replicate) error {
	end, _ := ctx.Deadline()
	_ = p.st.SetDeadline(end)
	err := p.st.WriteMsg(m)
	if err == nil {
		err = p.st.ReadMsg(new(wire.Published), maxFrame)
	}
	if err != nil {
		p.stop()
		_ = p.st.Reset()
		p.st = nil
	}
	return err
}

// hangUp closes the stream, when nobody sends on it.
func (p *pusher) hangUp() {
	p.free <- struct{}{}
	defer func() { <-p.free }()
	if p.st != nil {
		p.stop()
		_ = p.st.Reset()
		p.st = nil
	}
}

// serveIndex takes what another rendezvous replicates to us.
func (s *Service) serveIndex(st *endpoint.Stream) {
	srv := s.server()
	if srv == nil || !srv.vouches(st.Peer()) {
		s.count.refused.Add(1)
		_ = st.Reset()
		return
	}
	stop := context.AfterFunc(srv.ctx, func() { _ = st.Reset() })
	defer stop()
	for {
		_ = st.SetReadDeadline(time.Now().Add(pushIdle))
		var m wire.Replicate
		if err := st.ReadMsg(&m, replicateLimit); err != nil {
			_ = st.Reset()
			return
		}
		n := len(m.GetEntries())
		if n > replicaBurst || srv.gossip.replicas.wait(srv.ctx, st.Peer(), n) != nil {
			_ = st.Reset()
			return
		}
		refused := srv.accept(st.Peer(), m.GetEntries())
		_ = st.SetWriteDeadline(time.Now().Add(pushTimeout))
		if err := st.WriteMsg(&wire.Published{Number: m.GetNumber(), Refused: refused}); err != nil {
			_ = st.Reset()
			return
		}
	}
}

// vouches reports whether a peer is a rendezvous: one that we have not heard of yet is
// asked.
func (srv *server) vouches(who id.Peer) bool {
	if !srv.isMember(who) {
		srv.greet(who, pushTimeout)
	}
	return srv.isMember(who)
}

// accept takes entries as a replica.
func (srv *server) accept(from id.Peer, entries []*wire.Entry) []*wire.Refused {
	var refused []*wire.Refused
	for i, e := range entries {
		a, err := adv.Open(e.GetEnvelope())
		reason := wire.Refused_INVALID
		if err == nil {
			err = srv.s.vet(a, a.Signer())
		}
		if err == nil && srv.concerns(a) {
			reason = srv.put(a, e, id.Peer{}, from)
		} else {
			srv.s.count.refused.Add(1)
		}
		if reason != wire.Refused_UNSPECIFIED {
			refused = append(refused, &wire.Refused{Entry: uint32(i), Reason: reason})
			srv.s.log.Debug("replica refused", "from", from, "reason", reason, "err", err)
		}
	}
	return refused
}

// concerns reports whether we might be among the replicas of an advertisement: others
// may know of a few rendezvous that we do not know, or not any more.
func (srv *server) concerns(a *adv.Signed) bool {
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	for _, k := range a.Advertisement().Index() {
		if slices.Contains(srv.s.view.Replicas(k.Name, k.Value, srv.reserve()), srv.s.self) {
			return true
		}
	}
	return false
}

// reserve is how many members a key's replicas may come from, when some come or go.
func (srv *server) reserve() int { return 2*srv.s.limits.Replication + 2 }
