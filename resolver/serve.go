package resolver

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
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
	w := &writer{ctx: ctx, self: s.ep.ID().Bytes(), st: st, stop: cancel}
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

// answer runs the handler, and beside it asks our own neighbours if it wants to.
func (s *Service) answer(ctx context.Context, w *writer, q *wire.Query, st *endpoint.Stream) {
	var others sync.WaitGroup
	defer others.Wait()
	w.forward = sync.OnceFunc(func() {
		if q.GetHops() == 0 {
			return
		}
		on := &wire.Query{Id: q.GetId(), Handler: q.GetHandler(), Body: q.GetBody(), Hops: min(q.GetHops(), maxHops) - 1, Group: true}
		others.Go(func() {
			for a := range s.askAll(ctx, on, st.Peer()) {
				if a.err != nil {
					s.log.Debug("query not passed on", "err", a.err)
				} else if w.write(a.frame) != nil {
					return
				}
			}
		})
	})
	h := s.handler(q.GetHandler())
	if h == nil {
		w.forward()
		if !q.GetGroup() {
			_ = w.fail(wire.Failure_NO_HANDLER, "")
		}
		return
	}
	h.ServeQuery(w, &Query{Handler: q.GetHandler(), Body: q.GetBody(), Asker: st.Peer(), Context: ctx})
}

// writer sends the answers to one query.
type writer struct {
	ctx     context.Context
	stop    context.CancelFunc
	self    []byte // our peer ID
	forward func()

	mu sync.Mutex // one frame at a time
	st *endpoint.Stream
}

// watch ends the work when the asker hangs up: it sends nothing after its query.
func (w *writer) watch(done chan<- struct{}) {
	defer close(done)
	if _, err := w.st.Reader().ReadByte(); err != nil && err != io.EOF {
		w.stop()
	}
}

// Respond implements [ResponseWriter].
func (w *writer) Respond(body []byte) error {
	if len(body) > MaxAnswer {
		_ = w.fail(wire.Failure_TOO_LARGE, "")
		return ErrTooLarge
	}
	return w.write(&wire.Answer{From: w.self, Kind: &wire.Answer_Body{Body: body}})
}

// Fail implements [ResponseWriter].
func (w *writer) Fail(text string) error { return w.fail(wire.Failure_HANDLER_FAILED, text) }

// Forward implements [ResponseWriter].
func (w *writer) Forward() { w.forward() }

func (w *writer) fail(code wire.Failure_Code, text string) error {
	return w.write(&wire.Answer{From: w.self, Kind: &wire.Answer_Failure{Failure: &wire.Failure{Code: code, Text: text[:min(len(text), 1024)]}}})
}

func (w *writer) write(a *wire.Answer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
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
