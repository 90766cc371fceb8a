package rendezvous

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	followQueue  = 1024 // news that wait for one follower; who is slower is hung up on
	maxFollowers = 8192 // and
	eachFollower = 256  // of them for one edge; a rendezvous asks for all of its edges
)

// follower is a search that goes on with what is published later.
type follower struct {
	who    id.Peer // asks
	p      adv.Pattern
	atHome bool // news of which we are the home; else what we hold as a replica, too
	news   chan *wire.Found
	ended  chan struct{}
	end    func()
}

// addFollower returns nil if there are too many.
func (srv *server) addFollower(who id.Peer, p adv.Pattern, atHome bool) *follower {
	f := &follower{who: who, p: p, atHome: atHome, news: make(chan *wire.Found, followQueue), ended: make(chan struct{})}
	f.end = sync.OnceFunc(func() { close(f.ended) })
	most := eachFollower
	if srv.isMember(who) {
		most = maxFollowers / 2
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed || len(srv.followers) >= maxFollowers {
		return nil
	}
	n := 0
	for other := range srv.followers {
		if other.who == who {
			n++
		}
	}
	if n >= most {
		return nil
	}
	srv.followers[f] = struct{}{}
	return f
}

func (srv *server) dropFollower(f *follower) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.followers, f)
}

// endFollowers ends them all, because the peerview is another one: they ask anew.
func (srv *server) endFollowers() {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for f := range srv.followers {
		f.end()
	}
}

// tellFollowers gives an advertisement that has come to those who wait for it.
func (srv *server) tellFollowers(a *adv.Signed, e *wire.Entry, home bool) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for f := range srv.followers {
		if f.atHome && !home || !f.p.Matches(a.Advertisement()) {
			continue
		}
		select {
		case f.news <- &wire.Found{Entry: e, From: srv.s.self.Bytes(), Hops: 1}:
		default:
			f.end()
		}
	}
}

// follow answers with what there is now and what comes, until somebody ends it. The
// error is ErrBusy.
func (a *answering) follow(ctx context.Context, caughtUp func()) error {
	exact := a.m.GetArc() == nil && a.p.Exact()
	atHome := !exact
	var replicas []id.Peer
	if exact && !a.m.GetHere() {
		var mine bool
		replicas, mine = a.replicas()
		atHome = !mine
	}
	f := a.srv.addFollower(a.who, a.p, atHome)
	if f == nil {
		return ErrBusy
	}
	defer a.srv.dropFollower(f)
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	var ways []func(caughtUp func())
	switch {
	case a.m.GetHere():
	case exact:
		ways = a.followReplicas(ctx, replicas)
	default:
		ways = a.followBranches(ctx)
	}
	one := countdown(len(ways)+1, caughtUp)
	for _, w := range ways {
		asking.Go(func() {
			w(sync.OnceFunc(one))
			cancel() // a part is missing: the asker begins anew
		})
	}
	a.here(atHome)
	one()
	a.passNews(ctx, f)
	return nil
}

// countdown returns what calls f, unless that is nil, when it is called for the nth
// time.
func countdown(n int, f func()) func() {
	left := atomic.Int32{}
	left.Store(int32(n))
	return func() {
		if left.Add(-1) == 0 && f != nil {
			f()
		}
	}
}

// followReplicas follows an exact value at two of the replicas: news comes to all.
func (a *answering) followReplicas(ctx context.Context, replicas []id.Peer) (ways []func(func())) {
	for _, r := range replicas[:min(len(replicas), 2)] {
		ways = append(ways, func(caughtUp func()) {
			m := a.branch()
			m.Scope = &wire.Search_Here{Here: true}
			_, _ = a.pass(ctx, r, m, patience(0), caughtUp)
		})
	}
	return ways
}

// followBranches follows all that we are responsible for.
func (a *answering) followBranches(ctx context.Context) (ways []func(func())) {
	arc := view.Around(a.srv.s.self)
	if m := a.m.GetArc(); m != nil {
		arc = arcOf(m)
	}
	for _, b := range a.srv.split(arc) {
		ways = append(ways, func(caughtUp func()) { a.lead(ctx, b, caughtUp) })
	}
	return ways
}

// passNews passes on what comes.
func (a *answering) passNews(ctx context.Context, f *follower) {
	end := time.NewTimer(maxFollow)
	defer end.Stop()
	for {
		select {
		case n := <-f.news:
			if !a.found(n) {
				return
			}
		case <-f.ended:
			return
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
