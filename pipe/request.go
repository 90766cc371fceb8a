package pipe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
)

// requestElement tells a request from other messages, and which one a reply answers.
const requestElement = "juxta:request"

// maxRequests is how many requests may wait for replies at an output end; the next ones
// wait for their turn.
const maxRequests = 1024

// Received is a message and where it came from.
type Received struct {
	Message *message.Message
	From    id.Peer

	x    *session // of a request
	mark []byte   // that its reply bears, too
}

// Next waits for the next message, as [Input.Receive] does.
func (in *Input) Next(ctx context.Context) (*Received, error) {
	r, err := in.next(ctx)
	if err != nil {
		return nil, err
	}
	got := &Received{Message: r.m, From: r.from}
	if e, ok := r.m.Get(requestElement); ok && r.x != nil {
		got.x, got.mark = r.x, e.Data
		r.m.Remove(requestElement)
	}
	return got, nil
}

// Wanted reports whether the sender waits for a reply.
func (r *Received) Wanted() bool { return r.x != nil }

// Reply answers a request: its sender's call of Request returns m. It returns when the
// reply is on its way. The error wraps [ErrRefused] if no reply is wanted, and else
// those of [Output.Send].
func (r *Received) Reply(ctx context.Context, m *message.Message) error {
	if r.x == nil {
		return fmt.Errorf("pipe: reply: %w: it is not a request", ErrRefused)
	}
	if _, err := r.x.out.Append(ctx, marked(m, r.mark), false); err != nil {
		if r.x.out.Err() != nil {
			err = broken(err)
		}
		return fmt.Errorf("pipe: reply: %w", err)
	}
	return nil
}

// marked returns the message with the element that tells requests apart.
func marked(m *message.Message, mark []byte) *message.Message {
	out := new(message.Message)
	for e := range m.Elements() {
		out.Add(e.Name, e.MIME, e.Data)
	}
	out.Set(requestElement, "", mark)
	return out
}

// errNoRequests: a pipe of that type carries none.
var errNoRequests = fmt.Errorf("%w: a propagate pipe carries no requests", ErrRefused)

func (u *unicast) request(ctx context.Context, m *message.Message) (*message.Message, error) {
	for {
		x, err := u.ready(ctx)
		if err != nil {
			return nil, err
		}
		reply, err := u.requestOn(ctx, x, m)
		if !errors.Is(err, errMoved) {
			return reply, err
		}
	}
}

func (u *unicast) requestOn(ctx context.Context, x *session, m *message.Message) (*message.Message, error) {
	r, err := x.listenForReplies()
	if err != nil {
		return nil, u.lost(x, err)
	}
	n, reply, err := r.expect(ctx)
	if err != nil {
		return nil, err
	}
	defer r.forget(n)
	if _, err := u.appendTo(ctx, x, marked(m, binary.BigEndian.AppendUint64(nil, n)), false); err != nil {
		return nil, err
	}
	select {
	case got := <-reply:
		return got, nil
	case <-r.ended:
		return nil, u.lost(x, r.err)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// lost says why no replies come any more through a session.
func (u *unicast) lost(x *session, err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed || errors.Is(err, net.ErrClosed) {
		return net.ErrClosed
	}
	return u.brokenLocked(x, err)
}

// replies are those that the output end of a session waits for.
type replies struct {
	room  chan struct{} // takes a token for each
	ended chan struct{} // closed when no more come,
	err   error         // for this reason

	mu      sync.Mutex // guards what follows
	last    uint64
	waiting map[uint64]chan *message.Message
}

// listenForReplies has replies read from now on, and returns where to wait for them.
func (x *session) listenForReplies() (*replies, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.replies != nil || x.over {
		if x.over {
			return nil, ErrBroken
		}
		return x.replies, nil
	}
	r := &replies{
		room: make(chan struct{}, maxRequests), ended: make(chan struct{}), waiting: map[uint64]chan *message.Message{},
	}
	if !x.s.spawn(func() { x.readReplies(r) }) {
		return nil, net.ErrClosed
	}
	x.back, x.replies = true, r
	if !x.resuming {
		x.resuming = x.s.spawn(x.resume)
	}
	return r, nil
}

// readReplies gives each reply to who waits for it; those that nobody waits for any
// more are dropped.
func (x *session) readReplies(r *replies) {
	defer close(r.ended)
	t := &receipts{in: x.in}
	in := &intake{in: x.in, hand: make(chan struct{}, maxLarge), done: x.s.ctx.Done(), told: t}
	for {
		p, err := in.next()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				err = errStalled
			}
			r.err = err
			x.end(broken(err))
			return
		}
		if p.large {
			<-in.hand
		}
		if e, ok := p.m.Get(requestElement); ok && len(e.Data) == 8 {
			p.m.Remove(requestElement)
			r.mu.Lock()
			if c := r.waiting[binary.BigEndian.Uint64(e.Data)]; c != nil {
				select {
				case c <- p.m:
				default: // a second reply to the same request
				}
			}
			r.mu.Unlock()
		}
		t.put(p.end)
	}
}

// hasReplies reports whether somebody has waited for replies.
func (x *session) hasReplies() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.replies != nil
}

func (r *replies) expect(ctx context.Context) (uint64, <-chan *message.Message, error) {
	select {
	case r.room <- struct{}{}:
	case <-ctx.Done():
		return 0, nil, ctx.Err()
	}
	c := make(chan *message.Message, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	r.waiting[r.last] = c
	return r.last, c, nil
}

func (r *replies) forget(n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, n)
	<-r.room
}
