package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// Output is an output end of a message pipe: it sends. Its methods may be called
// concurrently.
//
// Messages that are sent while one write is under way leave together in the
// next; a message that is sent alone leaves at once. What was sent is kept, as 4 MiB
// at most, until the input end has it: a connection that is lost meanwhile loses
// nothing.
type Output struct {
	s   *Service
	adv *adv.Pipe

	mu     sync.Mutex // guards what follows
	x      *session
	last   uint64 // where the last message ends
	closed bool
	told   bool // Send has said that the session is over
}

// Resolve finds the input end of a message pipe and makes an output end that
// leads there. It tries until the context ends, at most 10 s if that has no
// deadline. Errors wrap [ErrNotBound] or [ErrRefused], and the context's own.
func (s *Service) Resolve(ctx context.Context, a *adv.Pipe) (*Output, error) {
	st, err := s.open(ctx, a, wire.Open_MESSAGES)
	var o *Output
	if err == nil {
		o, err = s.newOutput(st, a)
	}
	if err != nil {
		return nil, fmt.Errorf("pipe: resolve %s: %w", label(a), err)
	}
	return o, nil
}

// ResolveName is Resolve for the pipe of that name; if several bear it, for the
// first of them that answers. Errors as for Resolve, or [ErrNotFound].
func (s *Service) ResolveName(ctx context.Context, name string) (*Output, error) {
	err := checkName(name)
	var o *Output
	if err == nil {
		var st *opening
		var a *adv.Pipe
		if st, a, err = s.openNamed(ctx, name, wire.Open_MESSAGES); err == nil {
			o, err = s.newOutput(st, a)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pipe: resolve %s: %w", name, err)
	}
	return o, nil
}

// newOutput makes an output end of a stream that was opened for it.
func (s *Service) newOutput(st *opening, a *adv.Pipe) (*Output, error) {
	x, err := s.dialSession(st, a.PipeID, wire.Open_MESSAGES)
	if err != nil {
		return nil, err
	}
	o := &Output{s: s, adv: a, x: x}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.outs[o] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		x.end(net.ErrClosed)
		return nil, net.ErrClosed
	}
	return o, nil
}

// Advertisement returns the pipe's advertisement.
func (o *Output) Advertisement() *adv.Pipe { return o.adv }

// Peer returns the peer that has the input end.
func (o *Output) Peer() id.Peer { return o.session().key.peer }

func (o *Output) session() *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.x
}

// Send sends a message. It returns when the message is on its way, so that m and
// its data may be changed again; it waits, until the context ends, while the
// receiver does not keep up. The error wraps [message.ErrTooLarge] or
// [message.ErrMalformed] for what cannot be sent, and then the pipe lives on;
// [net.ErrClosed], or the context's own; or [ErrBroken]: the receiver has ended, or
// cannot be reached any more, and what was sent last may not have arrived. After
// that, Send looks for the input end anew.
func (o *Output) Send(ctx context.Context, m *message.Message) error {
	if _, _, err := o.send(ctx, m, false); err != nil {
		return fmt.Errorf("pipe: send %s: %w", label(o.adv), err)
	}
	return nil
}

// send returns where the message was sent, and where it ends there.
func (o *Output) send(ctx context.Context, m *message.Message, urgent bool) (*session, uint64, error) {
	x, err := o.ready(ctx)
	if err != nil {
		return nil, 0, err
	}
	end, err := x.out.Append(ctx, m, urgent)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case err == nil && o.x == x:
		o.last = max(o.last, end)
	case err == nil:
	case o.closed:
		err = net.ErrClosed
	case x.out.Err() != nil && ctx.Err() == nil:
		o.told = true
		err = outputError(err)
	}
	return x, end, err
}

func outputError(err error) error {
	if isViolation(err) {
		return err
	}
	return ErrBroken
}

// ready returns the session; or a new one if the last has ended, and the user knows that
// or need not, because nothing was lost.
func (o *Output) ready(ctx context.Context) (*session, error) {
	o.mu.Lock()
	x, told, closed, last := o.x, o.told, o.closed, o.last
	o.mu.Unlock()
	if closed {
		return nil, net.ErrClosed
	}
	acked, _ := x.out.Acked()
	faded := errors.Is(x.out.Err(), ErrBroken) && acked >= last
	if !told && !faded {
		return x, nil
	}
	st, err := o.s.open(ctx, o.adv, wire.Open_MESSAGES)
	if err != nil {
		return nil, err
	}
	fresh, err := o.s.dialSession(st, o.adv.PipeID, wire.Open_MESSAGES)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.x != x { // somebody else was faster
		fresh.end(net.ErrClosed)
		if o.closed {
			return nil, net.ErrClosed
		}
		return o.x, nil
	}
	o.x, o.last, o.told = fresh, 0, false
	return fresh, nil
}

// SendReceipt sends a message, and waits until the application at the input end has
// taken it. Errors as for Send; with the context's it is not known whether the
// message has arrived or will.
func (o *Output) SendReceipt(ctx context.Context, m *message.Message) (*Receipt, error) {
	x, end, err := o.send(ctx, m, true)
	if err == nil {
		if err = x.out.Await(ctx, end); err != nil && ctx.Err() == nil {
			err = outputError(err)
			o.mu.Lock()
			o.told = o.told || o.x == x
			o.mu.Unlock()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pipe: receipt of %s: %w", label(o.adv), err)
	}
	return &Receipt{Acknowledged: 1}, nil
}

// Close sends what waits to be sent, and returns when the input end has all, or after
// 10 s. If that failed the error wraps [ErrBroken], unless a Send has said
// so before. The second time it returns nil.
func (o *Output) Close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	x := o.x
	o.mu.Unlock()
	x.out.End()
	ctx, cancel := context.WithTimeout(o.s.ctx, closeTimeout)
	defer cancel()
	select {
	case <-x.out.Done():
	case <-ctx.Done():
	}
	acked, done := x.out.Acked()
	err := x.out.Err()
	x.end(net.ErrClosed)
	o.s.mu.Lock()
	delete(o.s.outs, o)
	o.s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if done || o.told || acked >= o.last {
		return nil
	}
	return fmt.Errorf("pipe: close %s: %w", label(o.adv), outputError(err))
}
