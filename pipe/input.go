package pipe

import (
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
	queueLen   = 256         // messages received and not yet taken
	smallLimit = 64 << 10    // bytes; longer messages are large,
	maxLarge   = 2           // of which so many may be in hand
	maxSenders = 256         // streams; more are refused
	blockSize  = 16 << 10    // bytes of memory that small messages of a sender share
	stallLimit = time.Minute // that a large message may fall behind
	minRate    = 16 << 10    // bytes a second, at which it has to come

	goodbyeTimeout = time.Second // to tell a sender how much has arrived
)

// Input is the input end of a message pipe: it receives. Its methods may be
// called concurrently.
type Input struct {
	s     *Service
	adv   *adv.Pipe
	queue chan received // never closed
	large chan struct{} // a token for each large message in hand
	done  chan struct{} // closed by Close

	mu      sync.Mutex // guards what follows
	closed  bool
	senders map[*endpoint.Stream]struct{}
	serving sync.WaitGroup // their goroutines; grows under mu, while not closed
}

type received struct {
	m     *message.Message
	from  id.Peer
	large bool
}

func newInput(s *Service, a *adv.Pipe) *Input {
	return &Input{
		s: s, adv: a, queue: make(chan received, queueLen), large: make(chan struct{}, maxLarge),
		done: make(chan struct{}), senders: map[*endpoint.Stream]struct{}{},
	}
}

// Advertisement returns the pipe's advertisement.
func (in *Input) Advertisement() *adv.Pipe { return in.adv }

// Receive waits for the next message, which is the caller's. Small messages that
// came together share a block of memory, so who keeps few out of many for long
// copies their data. The error wraps the context's, or [net.ErrClosed]. What had
// arrived before Close can still be taken.
func (in *Input) Receive(ctx context.Context) (*message.Message, error) {
	m, _, err := in.ReceiveFrom(ctx)
	return m, err
}

// ReceiveFrom is Receive, and says which peer has sent the message.
func (in *Input) ReceiveFrom(ctx context.Context) (*message.Message, id.Peer, error) {
	select {
	case r := <-in.queue:
		return in.take(r)
	default:
	}
	select {
	case r := <-in.queue:
		return in.take(r)
	case <-in.done:
		return nil, id.Peer{}, fmt.Errorf("pipe: receive %s: %w", label(in.adv), net.ErrClosed)
	case <-ctx.Done():
		return nil, id.Peer{}, fmt.Errorf("pipe: receive %s: %w", label(in.adv), ctx.Err())
	}
}

func (in *Input) take(r received) (*message.Message, id.Peer, error) {
	if r.large {
		<-in.large
	}
	return r.m, r.from, nil
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
		for st := range in.senders {
			_ = st.SetReadDeadline(time.Now()) // its goroutine says goodbye
		}
	}
	in.mu.Unlock()
	in.serving.Wait()
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
	r := &intake{st: st}
	for n := uint64(0); ; n++ {
		err := in.receive(r)
		if err == nil {
			continue
		}
		in.end(st, n, err)
		return
	}
}

// end ends the stream of a sender after n messages.
func (in *Input) end(st *endpoint.Stream, n uint64, err error) {
	switch {
	case in.isClosed():
		_ = st.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
		if _, err := st.Write(binary.AppendUvarint(nil, n)); err == nil {
			return // closing the stream sends what was written
		}
	case err == io.EOF:
		return // the sender has closed, and our closing tells it that we have all
	default:
		in.s.log.Info("sender lost", "pipe", in.adv.PipeID, "peer", st.Peer(), "err", err)
	}
	_ = st.Reset()
}

func (in *Input) isClosed() bool {
	select {
	case <-in.done:
		return true
	default:
		return false
	}
}

func (in *Input) admit(st *endpoint.Stream) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed || len(in.senders) == maxSenders {
		return false
	}
	in.senders[st] = struct{}{}
	in.serving.Add(1)
	return true
}

func (in *Input) dismiss(st *endpoint.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	delete(in.senders, st)
	in.serving.Done()
}

// receive reads one message and queues it.
func (in *Input) receive(r *intake) error {
	if in.isClosed() {
		return net.ErrClosed
	}
	n, err := r.length()
	if err != nil {
		return err
	}
	item := received{from: r.st.Peer(), large: n > smallLimit}
	var body []byte
	if item.large {
		body, err = in.readLarge(r, n)
	} else {
		body, err = r.next(n)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err == nil {
		item.m, err = message.Decode(body)
	}
	if err == nil {
		err = in.enqueue(item)
	}
	if err != nil && item.large && body != nil {
		<-in.large
	}
	return err
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
		return net.ErrClosed
	}
}
