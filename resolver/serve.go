package resolver

import (
	"context"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver/internal/wire"
)

const (
	readTimeout  = 10 * time.Second // for the query to arrive
	writeTimeout = 10 * time.Second // for the asker to take an answer
	serveTimeout = time.Minute      // for the handler and those it was passed on to
)

// serve answers one query of a neighbour. The neighbour's share is taken before
// the query has arrived: those that never do are held against it, too.
func (s *Service) serve(st *endpoint.Stream) {
	ctx, cancel := context.WithTimeout(s.ep.Context(), serveTimeout)
	defer cancel()
	w := &writer{ctx: ctx, self: s.ep.ID().Bytes(), turn: make(chan struct{}, 1), st: st, stop: cancel}
	if !s.begin(st.Peer()) {
		_ = w.fail(wire.Failure_BUSY, "")
		return
	}
	defer s.end(st.Peer())
	var q wire.Query
	_ = st.SetReadDeadline(time.Now().Add(readTimeout))
	if err := st.ReadMsg(&q, MaxQuery+1024); err != nil || len(q.GetId()) != 16 || len(q.GetHandler()) > 255 {
		s.log.Warn("malformed query", "peer", st.Peer(), "err", err)
		_ = st.Reset()
		return
	}
	if !s.first(q.GetId()) {
		return
	}
	_ = st.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go w.watch(done)
	s.answer(ctx, w, &q, st)
	_ = st.CloseWrite()
	cancel()
	_ = st.SetReadDeadline(time.Now())
	<-done
}

// answer runs the handler, and beside it asks those that we are responsible for.
func (s *Service) answer(ctx context.Context, w *writer, q *wire.Query, st *endpoint.Stream) {
	var others sync.WaitGroup
	defer others.Wait()
	arc := arcOf(q)
	if arc != nil && !s.rdv.IsRendezvous(s.ep.ID()) {
		_ = w.fail(wire.Failure_NOT_RENDEZVOUS, "") // another one is asked for our part of the group
		return
	}
	if arc != nil && q.GetHops() > 0 {
		on := passedOn(q)
		on.Hops--
		others.Go(func() { s.relay(ctx, w, on, arc, st.Peer()) })
	}
	h := s.handler(q.GetHandler())
	if h == nil {
		if !q.GetGroup() {
			_ = w.fail(wire.Failure_NO_HANDLER, "")
		}
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("handler panicked", "handler", q.GetHandler(), "panic", r, "stack", string(debug.Stack()))
			_ = w.fail(wire.Failure_HANDLER_FAILED, "the handler panicked")
		}
	}()
	own := &own{writer: w, left: MaxAnswers}
	if q.GetGroup() {
		own.left = MaxGroupAnswers
	}
	h.ServeQuery(own, &Query{Handler: q.GetHandler(), Body: q.GetBody(), Asker: st.Peer(), Context: ctx})
}

// relay passes a query on, and the answers back.
func (s *Service) relay(ctx context.Context, w *writer, q *wire.Query, arc *rendezvous.Arc, asker id.Peer) {
	for a := range s.askAll(ctx, q, arc, asker) {
		if a.err != nil {
			s.log.Debug("query not passed on", "err", a.err)
		} else if w.write(a.frame) != nil {
			return
		}
	}
}

// arcOf is the part of the peerview that the asker has us put the query to, or nil.
func arcOf(q *wire.Query) *rendezvous.Arc {
	after, err := id.FromBytes(q.GetAfter())
	before, err2 := id.FromBytes(q.GetBefore())
	a, ok := after.(id.Peer)
	b, ok2 := before.(id.Peer)
	if err != nil || err2 != nil || !ok || !ok2 || !q.GetGroup() {
		return nil
	}
	return &rendezvous.Arc{After: a, Before: b}
}

// writer sends the answers to one query.
type writer struct {
	ctx  context.Context
	stop context.CancelFunc
	self []byte // our peer ID

	turn chan struct{} // cap 1: one frame at a time
	st   *endpoint.Stream
}

// watch ends the work when the asker hangs up: it sends nothing after its query.
func (w *writer) watch(done chan<- struct{}) {
	defer close(done)
	if _, err := w.st.Reader().ReadByte(); err != nil && err != io.EOF {
		w.stop()
	}
}

// own is a writer for our own handler's answers.
type own struct {
	*writer

	mu   sync.Mutex // guards left
	left int        // answers that it may still give
}

// Respond implements [ResponseWriter].
func (w *own) Respond(body []byte) error {
	if err := w.take(); err != nil {
		return err
	}
	if len(body) > MaxAnswer {
		_ = w.fail(wire.Failure_TOO_LARGE, "")
		return ErrTooLarge
	}
	return w.write(&wire.Answer{From: w.self, Kind: &wire.Answer_Body{Body: body}})
}

// Fail implements [ResponseWriter].
func (w *own) Fail(text string) error {
	if err := w.take(); err != nil {
		return err
	}
	return w.fail(wire.Failure_HANDLER_FAILED, text)
}

func (w *own) take() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left--; w.left < 0 {
		return ErrTooMany
	}
	return nil
}

func (w *writer) fail(code wire.Failure_Code, text string) error {
	return w.write(&wire.Answer{From: w.self, Kind: &wire.Answer_Failure{Failure: &wire.Failure{Code: code, Text: text[:min(len(text), 1024)]}}})
}

func (w *writer) write(a *wire.Answer) error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-w.ctx.Done():
	}
	if err := w.ctx.Err(); err != nil {
		return err
	}
	_ = w.st.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := w.st.WriteMsg(a); err != nil {
		w.stop() // nobody listens any more
		return err
	}
	return nil
}
