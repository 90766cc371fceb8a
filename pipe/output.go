package pipe

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	maxPending   = 1 << 20          // bytes of messages that wait to be written; then Send waits
	closeTimeout = 10 * time.Second // for the receiver to have read all
)

// Output is an output end of a message pipe: it sends. Its methods may be called
// concurrently.
//
// Messages that are sent while one write is under way leave together in the
// next; a message that is sent alone leaves at once.
type Output struct {
	s   *Service
	adv *adv.Pipe

	wake  chan struct{} // capacity 1: there is something to write, or to close
	ended chan struct{} // closed when the stream has ended

	mu      sync.Mutex // guards what follows
	st      *endpoint.Stream
	pending []byte        // encoded messages behind their lengths
	writing bool          // somebody is writing to st
	room    chan struct{} // not nil if somebody waits: closed at any change for the better
	closed  bool          // by Close: no more messages
	err     error         // why the stream is of no more use
	told    bool          // Send has returned err

	sent      uint64 // messages that Send has taken
	delivered bool   // the receiver has all of them, and the stream has ended
}

// Resolve finds the input end of a message pipe and makes an output end that
// leads there. It tries until the context ends, at most 10 s if that has no
// deadline. Errors wrap [ErrNotBound] or [ErrRefused], and the context's own.
func (s *Service) Resolve(ctx context.Context, a *adv.Pipe) (*Output, error) {
	fail := func(err error) (*Output, error) {
		return nil, fmt.Errorf("pipe: resolve %s: %w", label(a), err)
	}
	st, err := s.open(ctx, a, wire.Open_MESSAGES)
	if err != nil {
		return fail(err)
	}
	o, err := s.newOutput(st, a)
	if err != nil {
		return fail(err)
	}
	return o, nil
}

// ResolveName is Resolve for the pipe of that name; if several bear it, for the
// first of them that answers. Errors as for Resolve, or [ErrNotFound].
func (s *Service) ResolveName(ctx context.Context, name string) (*Output, error) {
	err := checkName(name)
	var o *Output
	if err == nil {
		var st *endpoint.Stream
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
func (s *Service) newOutput(st *endpoint.Stream, a *adv.Pipe) (*Output, error) {
	o := &Output{s: s, adv: a, st: st, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = st.Reset()
		return nil, net.ErrClosed
	}
	s.outs[o] = struct{}{}
	s.wg.Add(2)
	go o.write(s.ep.Hold(st.Peer()))
	go o.watch()
	return o, nil
}

// Advertisement returns the pipe's advertisement.
func (o *Output) Advertisement() *adv.Pipe { return o.adv }

// Peer returns the peer that has the input end.
func (o *Output) Peer() id.Peer { return o.st.Peer() }

// Send sends a message. It returns when the message is on its way, so that m and
// its data may be changed again; it waits, until the context ends, while the
// receiver does not keep up. The error wraps [message.ErrTooLarge] or
// [message.ErrMalformed] for what cannot be sent, and then the pipe lives on;
// [ErrBroken], [net.ErrClosed], or the context's own.
func (o *Output) Send(ctx context.Context, m *message.Message) error {
	if err := o.send(ctx, m); err != nil {
		return fmt.Errorf("pipe: send %s: %w", label(o.adv), err)
	}
	return nil
}

func (o *Output) send(ctx context.Context, m *message.Message) error {
	n := m.EncodedSize()
	if n > smallLimit {
		return o.sendLarge(ctx, m, n)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.waitLocked(ctx, func() bool { return len(o.pending)+n <= maxPending }); err != nil {
		return err
	}
	before := len(o.pending)
	b, err := m.AppendBinary(binary.AppendUvarint(o.pending, uint64(n)))
	if err != nil {
		return err // pending is as long as it was
	}
	o.pending = b
	o.sent++
	if before == 0 {
		o.poke()
	}
	return nil
}

// sendLarge writes a message from where it is, when it is its turn.
func (o *Output) sendLarge(ctx context.Context, m *message.Message, n int) error {
	pieces, err := m.Buffers()
	if err != nil {
		return err
	}
	o.mu.Lock()
	if err := o.waitLocked(ctx, func() bool { return len(o.pending) == 0 && !o.writing }); err != nil {
		o.mu.Unlock()
		return err
	}
	o.writing = true
	o.sent++
	o.mu.Unlock()

	// Half a message cannot be taken back: if the context ends, so does the pipe.
	stop := context.AfterFunc(ctx, func() { _ = o.st.Reset() })
	_, err = o.st.Write(binary.AppendUvarint(nil, uint64(n)))
	for _, p := range pieces {
		if err == nil {
			_, err = o.st.Write(p)
		}
	}
	if !stop() && err != nil && ctx.Err() != nil {
		err = ctx.Err()
	} else if err != nil {
		err = ErrBroken
	}
	o.wrote(err)
	return err
}

// waitLocked waits until ready says yes. It gives up the lock meanwhile.
func (o *Output) waitLocked(ctx context.Context, ready func() bool) error {
	for {
		switch {
		case o.closed:
			return net.ErrClosed
		case o.err != nil:
			o.told = true
			return o.err
		case ready():
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
		o.mu.Lock()
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// Close sends what waits to be sent, and returns when the receiver has read all,
// or after 10 s. If that failed the error wraps [ErrBroken], unless a Send has said
// so before. The second time it returns nil.
func (o *Output) Close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	o.changedLocked()
	o.mu.Unlock()
	o.poke()
	timer := time.AfterFunc(closeTimeout, func() { _ = o.st.Reset() })
	defer timer.Stop()
	<-o.ended
	o.s.mu.Lock()
	delete(o.s.outs, o)
	o.s.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.delivered && !o.told {
		return fmt.Errorf("pipe: close %s: %w", label(o.adv), o.err)
	}
	return nil
}

// poke wakes the writer.
func (o *Output) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// changedLocked wakes those who wait for room.
func (o *Output) changedLocked() {
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
}
