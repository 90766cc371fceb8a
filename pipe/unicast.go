package pipe

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// unicast is the carrier of a pipe that leads to one input end: to one session after
// another.
type unicast struct {
	s     *Service
	adv   *adv.Pipe
	moved func() // not nil: called when another session has taken over
	way   endpoint.Way

	mu     sync.Mutex // guards what follows
	x      *session
	last   uint64 // where the last message ends
	closed bool
	left   bool // closed, and no other session may take over any more
	told   bool // the user knows that the session is over
}

func (s *Service) newUnicast(ctx context.Context, a *adv.Pipe) (*unicast, error) {
	st, err := s.open(ctx, a, wire.Open_MESSAGES)
	if err != nil {
		return nil, err
	}
	return s.unicastOn(st, a)
}

// unicastOn makes one of a stream that was opened for it.
func (s *Service) unicastOn(st *opening, a *adv.Pipe) (*unicast, error) {
	u := &unicast{s: s, adv: a, way: st.way}
	x, err := s.dialSession(st, &beginning{pipe: a.PipeID, kind: wire.Open_MESSAGES, heir: u.heir()})
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.x = x
	return u, nil
}

// heir is what is done when a session has ended before its time: of a pipe that several
// may have bound, another one goes on.
func (u *unicast) heir() func(context.Context, *session) bool {
	if !u.adv.Shared && !u.adv.Owner.IsZero() {
		return nil
	}
	return u.failOver
}

func (u *unicast) peer() id.Peer {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.x.key.peer
}

func (u *unicast) send(ctx context.Context, m *message.Message) error {
	_, _, err := u.append(ctx, m, false)
	return err
}

// append returns where the message was sent, and where it ends there.
func (u *unicast) append(ctx context.Context, m *message.Message, urgent bool) (*session, uint64, error) {
	for {
		x, err := u.ready(ctx)
		if err != nil {
			return nil, 0, err
		}
		end, err := u.appendTo(ctx, x, m, urgent)
		if !errors.Is(err, errMoved) {
			return x, end, err
		}
	}
}

func (u *unicast) appendTo(ctx context.Context, x *session, m *message.Message, urgent bool) (uint64, error) {
	end, err := x.out.Append(ctx, m, urgent)
	u.mu.Lock()
	defer u.mu.Unlock()
	moved := u.x != x && errors.Is(x.out.Err(), errMoved) // where it keeps its place
	switch {
	case err == nil:
		if u.x == x || moved {
			u.last = max(u.last, end)
		}
	case moved && errors.Is(err, errMoved):
	case u.closed:
		err = net.ErrClosed
	case x.out.Err() != nil && ctx.Err() == nil:
		err = u.brokenLocked(x, err)
	}
	return end, err
}

// brokenLocked says why a session has ended, to the user, who knows it from then on.
func (u *unicast) brokenLocked(x *session, err error) error {
	u.told = u.told || u.x == x
	return broken(err)
}

// broken says why a session has ended, in our words.
func broken(err error) error {
	if isViolation(err) || errors.Is(err, ErrExpelled) {
		return err
	}
	return ErrBroken
}

// ready returns the session; or a new one if the last has ended, and the user knows that
// or need not, because nothing was lost.
func (u *unicast) ready(ctx context.Context) (*session, error) {
	u.mu.Lock()
	x, told, closed, last := u.x, u.told, u.closed, u.last
	u.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	acked, _ := x.out.Acked()
	faded := errors.Is(x.out.Err(), ErrBroken) && acked >= last
	if !told && !faded {
		return x, nil
	}
	st, err := u.s.open(endpoint.WithWay(ctx, u.way), u.adv, wire.Open_MESSAGES)
	if err != nil {
		return nil, err
	}
	fresh, err := u.s.dialSession(st, &beginning{pipe: u.adv.PipeID, kind: wire.Open_MESSAGES, heir: u.heir()})
	if err != nil {
		return nil, err
	}
	u.mu.Lock()
	now, closed := u.x, u.closed
	if !closed && now == x {
		now = fresh
		u.x, u.last, u.told = fresh, 0, false
	}
	u.mu.Unlock()
	if now == fresh {
		x.end(ErrBroken)
	} else { // somebody else was faster
		fresh.out.End()
		u.s.spawn(fresh.finish)
	}
	if closed {
		return nil, net.ErrClosed
	}
	return now, nil
}

func (u *unicast) receipt(ctx context.Context, m *message.Message) (*Receipt, error) {
	x, end, err := u.append(ctx, m, true)
	for err == nil {
		if err = x.out.Await(ctx, end); err == nil {
			return &Receipt{Acknowledged: 1}, nil
		}
		if errors.Is(err, errMoved) { // it has the same place in the session that has followed
			u.mu.Lock()
			if u.x != x {
				x, err = u.x, nil
			}
			u.mu.Unlock()
		}
	}
	if x == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return &Receipt{Lagging: []id.Peer{x.key.peer}}, err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return nil, u.brokenLocked(x, err)
}

func (u *unicast) close() error {
	u.mu.Lock()
	u.closed = true
	x := u.x
	u.mu.Unlock()
	ctx, cancel := context.WithTimeout(u.s.ctx, closeTimeout)
	defer cancel()
	for {
		x.out.End()
		select {
		case <-x.out.Done():
		case <-ctx.Done():
		}
		u.mu.Lock()
		moved := u.x != x
		x = u.x
		u.left = !moved
		u.mu.Unlock()
		if !moved {
			break
		}
	}
	acked, done := x.out.Acked()
	err := x.out.Err()
	x.end(net.ErrClosed)
	u.mu.Lock()
	defer u.mu.Unlock()
	if done || u.told || acked >= u.last {
		return nil
	}
	return broken(err)
}

func (u *unicast) reset() {
	u.mu.Lock()
	u.closed, u.told, u.left = true, true, true
	x := u.x
	u.mu.Unlock()
	x.reset()
}

// errMoved: another session has taken over.
var errMoved = errors.New("moved to another session")

// failOver has another session, to any input end that is found, send what this one has
// not got acknowledged. It looks for one until the context ends, and reports whether
// that was possible.
func (u *unicast) failOver(ctx context.Context, x *session) bool {
	x.out.Detach()
	at, ok := x.out.Boundary()
	if !ok || x.hasReplies() {
		return false
	}
	want := &target{pipe: u.adv, kind: wire.Open_MESSAGES, from: at}
	var st *opening
	err := u.s.retry(endpoint.WithWay(ctx, u.way), func(ctx, asking context.Context) (err error) {
		st, err = u.s.try(ctx, asking, want)
		return err
	})
	if err != nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.x != x || u.left {
		st.abandon()
		return false
	}
	heir := flow.NewSender(at, nil)
	if !heir.Adopt(x.out, errMoved) {
		st.abandon()
		return false
	}
	fresh, err := u.s.dialSession(st, &beginning{pipe: u.adv.PipeID, kind: wire.Open_MESSAGES, heir: u.failOver, out: heir})
	if err != nil {
		heir.Fail(ErrBroken)
		return false
	}
	u.x = fresh
	if u.moved != nil {
		u.s.spawn(u.moved)
	}
	return true
}
