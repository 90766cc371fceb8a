package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	maxMembers = 64               // input ends among which messages are spread
	lookAgain  = 10 * time.Second // for input ends that are new
	lookFor    = time.Second      // for their answers
)

// balancer is the carrier of a shared pipe whose messages go to its input ends in turn.
type balancer struct {
	s   *Service
	adv *adv.Pipe

	mu      sync.Mutex // guards what follows
	members []*unicast
	next    int
	looked  time.Time
	looking bool
	closed  bool
	ending  sync.WaitGroup // members that were left; grows under mu, while not closed
}

func (s *Service) newBalancer(ctx context.Context, a *adv.Pipe) (*balancer, error) {
	if a.PipeType == adv.Propagate || !a.Shared && !a.Owner.IsZero() {
		return nil, fmt.Errorf("%w: only a shared pipe has several input ends", ErrRefused)
	}
	b := &balancer{s: s, adv: a}
	if err := b.find(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// find looks for input ends until there is one.
func (b *balancer) find(ctx context.Context) error {
	return b.s.retry(ctx, func(ctx, _ context.Context) error {
		if b.look(ctx); b.empty() {
			return ErrNotBound
		}
		return nil
	})
}

func (b *balancer) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.members) == 0 && !b.closed
}

// look looks for input ends, and opens sessions to those that are new.
func (b *balancer) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	found := make(chan id.Peer)
	asking := b.s.spawn(func() {
		defer close(found)
		if b.s.inputEnd(b.adv.PipeID) != nil {
			found <- b.s.ep.ID()
		}
		for who := range b.s.holders(endpoint.WithWay(ctx, endpoint.AnyWay), b.adv) {
			found <- who.Signer()
		}
	})
	if !asking {
		return
	}
	var opening sync.WaitGroup
	for who := range found {
		opening.Go(func() { b.add(ctx, who) })
	}
	opening.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looked, b.looking = time.Now(), false
}

// add opens a session to an input end, unless there is one.
func (b *balancer) add(ctx context.Context, who id.Peer) {
	if b.has(who) {
		return
	}
	st, err := b.s.openAt(ctx, who, &target{pipe: b.adv, kind: wire.Open_MESSAGES})
	if err != nil {
		return
	}
	u, err := b.s.unicastOn(st, b.adv)
	if err != nil {
		return
	}
	u.mu.Lock()
	u.moved = func() { b.merge(u) }
	u.mu.Unlock()
	if !b.admit(u) {
		_ = u.close()
	}
}

// admit makes an input end one of those that have their turn, unless another way leads
// there, or there are as many as may be.
func (b *balancer) admit(u *unicast) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.members) == maxMembers || b.hasLocked(u.peer()) {
		return false
	}
	b.members = append(b.members, u)
	return true
}

// merge goes on without a member that has moved to where another leads.
func (b *balancer) merge(u *unicast) {
	b.mu.Lock()
	same := 0
	for _, m := range b.members {
		if m.peer() == u.peer() {
			same++
		}
	}
	b.mu.Unlock()
	if same > 1 {
		b.leave(u)
	}
}

func (b *balancer) has(who id.Peer) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hasLocked(who)
}

func (b *balancer) hasLocked(who id.Peer) bool {
	for _, u := range b.members {
		if u.peer() == who {
			return true
		}
	}
	return false
}

// turn returns whose turn it is. If none is left it looks for others.
func (b *balancer) turn(ctx context.Context) (*unicast, error) {
	if b.empty() {
		if err := b.find(ctx); err != nil {
			return nil, err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return nil, net.ErrClosed
	case len(b.members) == 0:
		return nil, ErrBroken
	}
	if !b.looking && time.Since(b.looked) > lookAgain {
		b.looking = b.s.spawn(func() { b.look(b.s.ctx) })
	}
	b.next++
	return b.members[b.next%len(b.members)], nil
}

// try has one after the other do what f does, until one can. When none is left the user
// is told so, before others are looked for.
func (b *balancer) try(ctx context.Context, f func(u *unicast) error) error {
	for {
		u, err := b.turn(ctx)
		if err != nil {
			return err
		}
		if err = f(u); !errors.Is(err, ErrBroken) {
			return err
		}
		if b.leave(u); b.empty() {
			return err
		}
	}
}

// leave goes on without a member that is broken.
func (b *balancer) leave(u *unicast) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, m := range b.members {
		if m == u && !b.closed {
			b.members = append(b.members[:i:i], b.members[i+1:]...)
			b.looked = time.Time{}
			b.ending.Go(func() { _ = u.close() })
			return
		}
	}
}

func (b *balancer) send(ctx context.Context, m *message.Message) error {
	return b.try(ctx, func(u *unicast) error { return u.send(ctx, m) })
}

func (b *balancer) receipt(ctx context.Context, m *message.Message) (r *Receipt, err error) {
	err = b.try(ctx, func(u *unicast) error {
		r, err = u.receipt(ctx, m)
		return err
	})
	return r, err
}

func (b *balancer) request(ctx context.Context, m *message.Message) (reply *message.Message, err error) {
	u, err := b.turn(ctx)
	if err != nil {
		return nil, err
	}
	reply, err = u.request(ctx, m)
	if errors.Is(err, ErrBroken) {
		b.leave(u)
	}
	return reply, err
}

func (b *balancer) peer() id.Peer { return id.Peer{} }

func (b *balancer) reset() {
	b.mu.Lock()
	b.closed = true
	members := slices.Clone(b.members)
	b.mu.Unlock()
	for _, u := range members {
		u.reset()
	}
}

func (b *balancer) close() error {
	b.mu.Lock()
	b.closed = true
	members := b.members
	b.mu.Unlock()
	errs := make([]error, len(members))
	var closing sync.WaitGroup
	for i, u := range members {
		closing.Go(func() { errs[i] = u.close() })
	}
	closing.Wait()
	b.ending.Wait()
	return errors.Join(errs...)
}
