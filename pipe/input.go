package pipe

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// Bounds of an input end. When they are reached its senders wait.
const (
	queueLen   = 256         // messages received and not yet taken; a batch may exceed it
	maxBatch   = 64          // messages of one sender that are queued together
	smallLimit = 64 << 10    // bytes; longer messages are large,
	maxLarge   = 2           // of which so many may be in hand
	maxSenders = 256         // streams; more are refused
	readBuffer = 64 << 10    // bytes for each of them
	stallLimit = time.Minute // for more of a message that has begun
)

// Input is the input end of a message pipe: it receives. Its methods may be
// called concurrently.
type Input struct {
	s       *Service
	adv     *adv.Pipe
	large   chan struct{} // a token for each large message in hand
	arrived chan struct{} // capacity 1: look into the queue again
	room    chan struct{} // capacity 1: there is room in it again
	done    chan struct{} // closed by Close

	mu      sync.Mutex // guards what follows
	queue   []received // in the order of arrival; from head on
	head    int
	closed  bool
	senders map[*endpoint.Stream]struct{}
}

type received struct {
	m     *message.Message
	from  id.Peer
	large bool
}

func newInput(s *Service, a *adv.Pipe) *Input {
	return &Input{
		s: s, adv: a, large: make(chan struct{}, maxLarge),
		arrived: make(chan struct{}, 1), room: make(chan struct{}, 1),
		done: make(chan struct{}), senders: map[*endpoint.Stream]struct{}{},
	}
}

// Advertisement returns the pipe's advertisement.
func (in *Input) Advertisement() *adv.Pipe { return in.adv }

// Receive waits for the next message, which is the caller's. The error wraps the
// context's, or [net.ErrClosed]. What had arrived before Close can still be taken.
func (in *Input) Receive(ctx context.Context) (*message.Message, error) {
	m, _, err := in.ReceiveFrom(ctx)
	return m, err
}

// ReceiveFrom is Receive, and says which peer has sent the message.
func (in *Input) ReceiveFrom(ctx context.Context) (*message.Message, id.Peer, error) {
	for waited := false; ; waited = true {
		r, more, closed := in.next()
		if more && waited {
			poke(in.arrived) // for the next who waits: we have used up the word
		}
		switch {
		case r.m != nil:
			if r.large {
				<-in.large
			}
			return r.m, r.from, nil
		case closed:
			return nil, id.Peer{}, fmt.Errorf("pipe: receive %s: %w", label(in.adv), net.ErrClosed)
		}
		select {
		case <-in.arrived:
		case <-in.done:
		case <-ctx.Done():
			return nil, id.Peer{}, fmt.Errorf("pipe: receive %s: %w", label(in.adv), ctx.Err())
		}
	}
}

// next takes a message out of the queue; it has none if the queue is empty.
func (in *Input) next() (r received, more, closed bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.head == len(in.queue) {
		return r, false, in.closed
	}
	r, in.queue[in.head] = in.queue[in.head], received{}
	in.head++
	left := len(in.queue) - in.head
	if left == 0 {
		in.queue, in.head = in.queue[:0], 0
	}
	if left == queueLen/2 {
		poke(in.room)
	}
	return r, left > 0, in.closed
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

// Close unbinds the pipe; its output ends get an error. It returns nil, also the
// second time.
func (in *Input) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return nil
	}
	in.closed = true
	close(in.done)
	in.s.unbind(in.adv.PipeID, in)
	for st := range in.senders {
		_ = st.Reset()
	}
	return nil
}

func (*Input) kind() wire.Open_Kind { return wire.Open_MESSAGES }

// serve receives from one sender until it has ended.
func (in *Input) serve(st *endpoint.Stream) {
	if !in.admit(st) {
		refuse(st, wire.Opened_BUSY)
		return
	}
	defer in.dismiss(st)
	if accept(st) != nil {
		return
	}
	defer in.s.ep.Hold(st.Peer())()
	r := bufio.NewReaderSize(st.Reader(), readBuffer)
	batch := make([]received, 0, maxBatch)
	for {
		item, err := in.receive(st, r)
		if err == nil {
			batch = append(batch, item)
			if len(batch) < maxBatch && holdsMessage(r) {
				continue
			}
		}
		if len(batch) > 0 {
			err = firstErr(in.enqueue(batch), err)
			batch = batch[:0]
		}
		if err == io.EOF {
			return // the sender has closed, and our closing tells it that we have all
		}
		if err != nil {
			in.s.log.Info("sender lost", "pipe", in.adv.PipeID, "peer", st.Peer(), "err", err)
			_ = st.Reset()
			return
		}
	}
}

func (in *Input) admit(st *endpoint.Stream) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || len(in.senders) == maxSenders {
		return false
	}
	in.senders[st] = struct{}{}
	return true
}

func (in *Input) dismiss(st *endpoint.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.senders, st)
}

// receive reads one message.
func (in *Input) receive(st *endpoint.Stream, r *bufio.Reader) (item received, err error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return item, err
	}
	if n > message.MaxSize {
		return item, fmt.Errorf("%d bytes announced: %w", n, message.ErrTooLarge)
	}
	item = received{from: st.Peer(), large: n > smallLimit}
	var body []byte
	if item.large {
		body, err = in.readLarge(st, r, int(n))
	} else {
		body = make([]byte, n)
		_, err = io.ReadFull(r, body)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		item.m, err = message.Decode(body)
	}
	if err != nil && item.large && body != nil {
		<-in.large
	}
	return item, err
}

// holdsMessage reports whether the next message can be read without waiting.
func holdsMessage(r *bufio.Reader) bool {
	b, _ := r.Peek(r.Buffered())
	n, k := binary.Uvarint(b)
	return k > 0 && uint64(len(b)-k) >= n
}

// enqueue puts messages into the queue, all at once, as soon as there is room.
func (in *Input) enqueue(batch []received) error {
	for {
		in.mu.Lock()
		closed, left := in.closed, len(in.queue)-in.head
		if !closed && left < queueLen {
			if in.head > queueLen {
				in.queue, in.head = append(in.queue[:0], in.queue[in.head:]...), 0
			}
			in.queue = append(in.queue, batch...)
		}
		in.mu.Unlock()
		switch {
		case closed:
			return net.ErrClosed
		case left < queueLen:
			poke(in.arrived)
			if left+len(batch) < queueLen {
				poke(in.room)
			}
			return nil
		}
		select {
		case <-in.room:
		case <-in.done:
		}
	}
}

// poke leaves word in a channel of capacity 1.
func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func firstErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
