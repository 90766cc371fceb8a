package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// Bounds of an input end. When the first is reached its senders wait.
const (
	queueLen       = 256 // messages received and not yet taken
	maxSenders     = 256 // sessions; more are refused,
	maxPeerSenders = 64  // so many of one peer
)

// Input is the input end of a message pipe: it receives. Its methods may be
// called concurrently.
type Input struct {
	s     *Service
	adv   *adv.Pipe
	queue chan received // never closed
	large chan struct{} // a token for each large message in hand
	done  chan struct{} // closed by Close
	sub   *subscriber   // of a propagate pipe; set once, by Bind

	mu      sync.Mutex // guards what follows
	closed  bool
	senders map[*session]struct{}
	serving sync.WaitGroup // their goroutines; grows under mu, while not closed
}

// received is a message in the queue of an input end.
type received struct {
	m     *message.Message
	from  id.Peer
	large bool
	done  acknowledger // not nil: wants to know when it is taken,
	mark  uint64       // by this mark
	x     *session     // to answer on; nil: there is no way
}

// acknowledger hears when a message was taken out of a queue.
type acknowledger interface{ taken(mark uint64) }

func newInput(s *Service, a *adv.Pipe) *Input {
	return &Input{
		s: s, adv: a, queue: make(chan received, queueLen), large: make(chan struct{}, maxLarge),
		done: make(chan struct{}), senders: map[*session]struct{}{},
	}
}

// Advertisement returns the pipe's advertisement.
func (in *Input) Advertisement() *adv.Pipe { return in.adv }

// Receive waits for the next message, which is the caller's. Small messages that
// came together share a block of memory, so who keeps few out of many for long
// copies their data. The error wraps the context's, or [net.ErrClosed]. What had
// arrived before Close can still be taken.
func (in *Input) Receive(ctx context.Context) (*message.Message, error) {
	r, err := in.next(ctx)
	return r.m, err
}

// ReceiveFrom is Receive, and says which peer has sent the message.
func (in *Input) ReceiveFrom(ctx context.Context) (*message.Message, id.Peer, error) {
	r, err := in.next(ctx)
	return r.m, r.from, err
}

func (in *Input) next(ctx context.Context) (r received, err error) {
	select {
	case r = <-in.queue:
		in.take(r)
		return r, nil
	default:
	}
	select {
	case r = <-in.queue:
		in.take(r)
		return r, nil
	case <-in.done:
		err = net.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	return r, fmt.Errorf("pipe: receive %s: %w", label(in.adv), err)
}

func (in *Input) take(r received) {
	if r.large {
		<-in.large
	}
	if r.done != nil {
		r.done.taken(r.mark)
	}
}

// Messages returns the messages as they come. The walk ends with an error, that
// of [Input.Receive].
func (in *Input) Messages(ctx context.Context) iter.Seq2[*message.Message, error] {
	return func(yield func(*message.Message, error) bool) {
		for {
			m, err := in.Receive(ctx)
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Close unbinds the pipe, and tells its output ends that it is gone and how many of
// their messages have arrived. It returns nil, also the second time.
func (in *Input) Close() error {
	in.mu.Lock()
	if !in.closed {
		in.closed = true
		close(in.done)
		in.s.unbind(in.adv.PipeID, in)
		for x := range in.senders {
			x.in.SetDeadline(time.Now()) // its goroutine says goodbye
		}
	}
	in.mu.Unlock()
	in.serving.Wait()
	if in.sub != nil {
		_ = in.sub.close()
	}
	return nil
}

// Lost is how many messages of a propagate pipe are known to be lost to this end: of
// best-effort authors, and of reliable ones that have left it behind.
func (in *Input) Lost() uint64 {
	if in.sub == nil {
		return 0
	}
	return in.sub.lost()
}

// put queues a message that was propagated.
func (in *Input) put(m *message.Message, from id.Peer, done acknowledger, mark uint64) error {
	return in.enqueue(received{m: m, from: from, done: done, mark: mark})
}

// kind is that of the sessions that lead here: to a propagate pipe there are none.
func (in *Input) kind() wire.Open_Kind {
	if in.adv.PipeType == adv.Propagate {
		return wire.Open_UNSPECIFIED
	}
	return wire.Open_MESSAGES
}

// serve begins the session of a sender, and receives until it has ended.
func (in *Input) serve(st *endpoint.Stream, m *wire.Open) {
	x := in.s.newSession(acceptedKey(st, m), in.adv.PipeID, wire.Open_MESSAGES)
	x.in = flow.NewReceiver(m.GetPosition(), x.lost)
	x.out = flow.NewSender(0, x.lost) // for answers, if they are wanted
	if !in.admit(x) {
		x.release()
		refuse(st, wire.Opened_BUSY)
		return
	}
	defer in.dismiss(x)
	if in.s.sessions.add(x) != nil {
		x.release()
		refuse(st, wire.Opened_BUSY)
		return
	}
	x.begin(st, m.GetPosition())
	err := in.receive(x, m.GetPosition())
	if err != io.EOF && !in.isClosed() {
		in.s.log.Info("sender lost", "pipe", in.adv.PipeID, "peer", x.key.peer, "err", err)
	}
	if !isViolation(err) {
		err = ErrBroken
	}
	x.end(err)
}

// receive queues the messages of a session until it ends.
func (in *Input) receive(x *session, from uint64) error {
	t := &receipts{in: x.in, queued: from}
	r := &intake{in: x.in, hand: in.large, done: in.done, told: t, pos: from}
	for {
		p, err := r.next()
		switch {
		case in.isClosed():
			return net.ErrClosed
		case err == io.EOF:
			x.in.End()
			return io.EOF
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errStalled
		case err != nil:
			return err
		}
		item := received{m: p.m, from: x.key.peer, large: p.large, x: x}
		if p.urgent {
			item.done, item.mark = t, p.end
			t.expect(p)
		}
		if err := in.enqueue(item); err != nil {
			return err
		}
		t.put(p.end)
	}
}

func (in *Input) isClosed() bool {
	select {
	case <-in.done:
		return true
	default:
		return false
	}
}

func (in *Input) admit(x *session) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || len(in.senders) == maxSenders {
		return false
	}
	same := 0
	for s := range in.senders {
		if s.key.peer == x.key.peer {
			same++
		}
	}
	if same == maxPeerSenders {
		return false
	}
	in.senders[x] = struct{}{}
	in.serving.Add(1)
	return true
}

func (in *Input) dismiss(x *session) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.senders, x)
	in.serving.Done()
}

func (in *Input) enqueue(item received) error {
	select {
	case in.queue <- item:
		return nil
	default:
	}
	select {
	case in.queue <- item:
		return nil
	case <-in.done:
		if item.large {
			<-in.large
		}
		return net.ErrClosed
	}
}
