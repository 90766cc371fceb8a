package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// Output is an output end of a message pipe: it sends. Its methods may be called
// concurrently.
//
// Messages that are sent while one write is under way leave together in the
// next; a message that is sent alone leaves at once. What was sent is kept, as 8 MiB
// at most, until the input end has it: a connection that is lost meanwhile loses
// nothing.
//
// Of a shared pipe, which several peers may have bound, it leads to the one that has
// answered first. If that ends, what it has not acknowledged goes to another: so a
// message may reach two of them.
type Output struct {
	s   *Service
	adv *adv.Pipe
	c   carrier

	closing lock.Turn // who closes; a Close that comes meanwhile waits
	closed  bool      // guarded by closing
}

// carrier brings messages to where a pipe leads. Its errors are not wrapped yet.
type carrier interface {
	send(ctx context.Context, m *message.Message) error
	receipt(ctx context.Context, m *message.Message) (*Receipt, error)
	close() error
	reset()
}

// requester is a carrier that brings replies, too.
type requester interface {
	request(ctx context.Context, m *message.Message) (*message.Message, error)
	peer() id.Peer
}

// Resolve finds the input end of a message pipe and makes an output end that
// leads there. It tries until the context ends, at most 10 s if that has no
// deadline. Errors wrap [ErrNotBound] or [ErrRefused], and the context's own. An
// output end of a propagate pipe leads to whoever has bound it, at any time, so nobody
// has to be there.
func (s *Service) Resolve(ctx context.Context, a *adv.Pipe) (*Output, error) {
	return s.ResolveWith(ctx, a, nil)
}

// ResolveWith is Resolve for an output end that is not as usual; cfg may be nil.
func (s *Service) ResolveWith(ctx context.Context, a *adv.Pipe, cfg *OutputConfig) (*Output, error) {
	c, err := s.carrierTo(ctx, a, cfg)
	var o *Output
	if err == nil {
		o, err = s.newOutput(a, c)
	}
	if err != nil {
		return nil, fmt.Errorf("pipe: resolve %s: %w", label(a), err)
	}
	return o, nil
}

func (s *Service) carrierTo(ctx context.Context, a *adv.Pipe, cfg *OutputConfig) (carrier, error) {
	switch {
	case a.PipeType == adv.Propagate && s.pubsub == nil:
		return nil, errPropagate
	case a.PipeType == adv.Propagate:
		return s.pubsub.newPublisher(ctx, a, cfg)
	case cfg != nil && cfg.RoundRobin:
		return s.newBalancer(ctx, a)
	default:
		return s.newUnicast(ctx, a)
	}
}

// ResolveName is Resolve for the pipe of that name; if several bear it, for the
// first of them that answers. Errors as for Resolve, or [ErrNotFound].
func (s *Service) ResolveName(ctx context.Context, name string) (*Output, error) {
	o, err := s.resolveName(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("pipe: resolve %s: %w", name, err)
	}
	return o, nil
}

func (s *Service) resolveName(ctx context.Context, name string) (*Output, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	st, a, err := s.openNamed(ctx, name, wire.Open_MESSAGES)
	var none *noSession
	if errors.As(err, &none) {
		return s.ResolveWith(ctx, none.pipe, nil)
	}
	if err != nil {
		return nil, err
	}
	u, err := s.unicastOn(st, a)
	if err != nil {
		return nil, err
	}
	return s.newOutput(a, u)
}

func (s *Service) newOutput(a *adv.Pipe, c carrier) (*Output, error) {
	o := &Output{s: s, adv: a, c: c, closing: lock.NewTurn()}
	s.mu.Lock()
	closed := s.closed
	if !closed {
		s.outs[o] = struct{}{}
	}
	s.mu.Unlock()
	if closed {
		_ = c.close()
		return nil, net.ErrClosed
	}
	return o, nil
}

// Advertisement returns the pipe's advertisement.
func (o *Output) Advertisement() *adv.Pipe { return o.adv }

// Peer returns the peer that has the input end; the zero ID if there are several.
func (o *Output) Peer() id.Peer {
	if r, ok := o.c.(requester); ok {
		return r.peer()
	}
	return id.Peer{}
}

// Account returns what became of the messages of a propagate pipe, as far as its
// subscribers have said so; nil for other pipes.
func (o *Output) Account() *Account {
	p, ok := o.c.(*publisher)
	if !ok {
		return nil
	}
	return p.account()
}

// Send sends a message. It returns when the message is on its way, so that m and
// its data may be changed again; it waits, until the context ends, while the
// receiver does not keep up. The error wraps [message.ErrTooLarge] or
// [message.ErrMalformed] for what cannot be sent, and then the pipe lives on;
// [net.ErrClosed], or the context's own; or [ErrBroken]: the receiver has ended, or
// cannot be reached any more, and what was sent last may not have arrived. After
// that, Send looks for the input end anew.
func (o *Output) Send(ctx context.Context, m *message.Message) error {
	if err := o.c.send(ctx, m); err != nil {
		return fmt.Errorf("pipe: send %s: %w", label(o.adv), err)
	}
	return nil
}

// SendReceipt sends a message, and waits until the application at the input end has
// taken it; of a propagate pipe, at all of them. Errors as for Send; when the context
// ends first, there may be a receipt beside its error: who has not taken it yet, as far
// as is known.
func (o *Output) SendReceipt(ctx context.Context, m *message.Message) (*Receipt, error) {
	r, err := o.c.receipt(ctx, m)
	if err != nil {
		return r, fmt.Errorf("pipe: receipt of %s: %w", label(o.adv), err)
	}
	return r, nil
}

// Request sends a message and waits for the reply to it, that of [Received.Reply].
// Several requests may be under way; each gets its own reply. It waits until the
// context ends, whose error it then returns. Other errors are those of Send; with
// [ErrBroken] it is not known whether the request was acted on. Propagate pipes carry
// no requests: the error wraps [ErrRefused].
func (o *Output) Request(ctx context.Context, m *message.Message) (*message.Message, error) {
	r, ok := o.c.(requester)
	err := error(errNoRequests)
	if ok {
		var reply *message.Message
		if reply, err = r.request(ctx, m); err == nil {
			return reply, nil
		}
	}
	return nil, fmt.Errorf("pipe: request to %s: %w", label(o.adv), err)
}

// Reset ends it at once: what was sent and has not arrived is lost. A Close that waits
// returns then.
func (o *Output) Reset() error {
	o.c.reset()
	return nil
}

// Close sends what waits to be sent, and returns when the input end has all, or after
// 10 s. If that failed the error wraps [ErrBroken], unless a Send has said
// so before. The second time it returns nil.
func (o *Output) Close() error {
	o.closing.Lock()
	defer o.closing.Unlock()
	if o.closed {
		return nil
	}
	o.closed = true
	err := o.c.close()
	o.s.mu.Lock()
	delete(o.s.outs, o)
	o.s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("pipe: close %s: %w", label(o.adv), err)
	}
	return nil
}
