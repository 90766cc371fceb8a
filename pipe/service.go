package pipe

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

const (
	serviceName = "pipe"
	handlerName = "pipe"
	openTimeout = 10 * time.Second // for the first frame either way
	maxOpen     = 1024             // bytes of it

	sessionPatience = 30 * time.Second
	closeTimeout    = 10 * time.Second // for what was sent to arrive after Close
	stallTime       = 5 * time.Minute  // without progress of that, until it is given up
	flushTimeout    = 2 * time.Second  // the same at the end of the service, without a Close before
	goodbyeTimeout  = time.Second      // to tell the other end
)

// Config is what a pipe service is made of.
type Config struct {
	Endpoint   *endpoint.Endpoint
	Rendezvous *rendezvous.Service // carries propagate pipes; nil: there are none
	Resolver   *resolver.Service
	Discovery  *discovery.Service
	// Patience is how long a session outlives the way to its peer; 0: 30 s.
	Patience time.Duration
	Log      *slog.Logger // nil: discard
}

// Service makes the pipes of one group. Its methods may be called concurrently.
type Service struct {
	ep        *endpoint.Endpoint
	resolver  *resolver.Service
	discovery *discovery.Service
	log       *slog.Logger
	patience  time.Duration
	sessions  *sessions
	pubsub    *pubsub         // nil: there are no propagate pipes
	ctx       context.Context // ends with Close, when what was sent has arrived
	cancel    context.CancelFunc

	mu     sync.Mutex // guards what follows
	closed bool       // nothing new begins
	ended  bool       // nor does anything go on
	bound  map[id.Pipe]inputEnd
	wg     sync.WaitGroup // goroutines of sessions
	outs   map[*Output]struct{}
}

// inputEnd is a Listener or an Input.
type inputEnd interface {
	kind() wire.Open_Kind
	// serve answers an Open that begins a session, and takes the stream over.
	serve(*endpoint.Stream, *wire.Open)
	Close() error
}

// New starts answering for pipes that will be bound.
func New(cfg *Config) *Service {
	s := &Service{
		ep: cfg.Endpoint, resolver: cfg.Resolver, discovery: cfg.Discovery, log: cfg.Log,
		patience: cfg.Patience, sessions: newSessions(),
		bound: map[id.Pipe]inputEnd{}, outs: map[*Output]struct{}{},
	}
	s.ctx, s.cancel = context.WithCancel(s.ep.Context())
	if s.patience == 0 {
		s.patience = sessionPatience
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if cfg.Rendezvous != nil {
		s.pubsub = newPubsub(s.ep, cfg.Rendezvous, s.discovery, s.log)
	}
	s.resolver.Handle(handlerName, resolver.HandlerFunc(s.answer))
	s.ep.Handle(serviceName, s.serve)
	return s
}

// Close closes every listener, input and output end, and then every connection: what
// was written to those that are closed already has 10 s to arrive, to others 2 s. It
// returns when all goroutines have ended.
func (s *Service) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var ends []interface{ Close() error }
	for _, e := range s.bound {
		ends = append(ends, e)
	}
	for o := range s.outs {
		ends = append(ends, o)
	}
	s.mu.Unlock()
	var closing sync.WaitGroup
	for _, e := range ends {
		closing.Go(func() { _ = e.Close() })
	}
	closing.Wait()
	s.endSessions()
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// endSessions ends the sessions, once what was sent has arrived, and tells their peers.
func (s *Service) endSessions() {
	var ending sync.WaitGroup
	for _, x := range s.sessions.close() {
		if x.isOver() {
			continue
		}
		ending.Go(func() {
			patience := flushTimeout
			if x.out.Ended() {
				patience = closeTimeout
			}
			ctx, cancel := context.WithTimeout(s.ctx, patience)
			defer cancel()
			if x.flushed(ctx); x.isOver() {
				return
			}
			ctx, cancel = context.WithTimeout(s.ctx, goodbyeTimeout)
			defer cancel()
			x.farewell(ctx)
			x.end(net.ErrClosed)
		})
	}
	ending.Wait()
	s.cancel()
}

// spawn runs f in a goroutine that Close waits for, unless it is too late.
func (s *Service) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended { // and not before: what waits to arrive may have to be resumed
		return false
	}
	s.wg.Go(f)
	return true
}

// Listen offers a stream pipe of that name and publishes its advertisement. The
// pipe has the same ID each time this peer offers that name in this group.
//
// It returns when the pipe is bound and the group's index has the advertisement, so
// that whoever dials it then finds it. The error wraps [ErrBound] or
// [net.ErrClosed], or is one of discovery's.
func (s *Service) Listen(ctx context.Context, name string) (*Listener, error) {
	a := &adv.Pipe{
		PipeID: id.PipeOf(s.ep.Group(), s.ep.ID(), name), PipeType: adv.Unicast, Name: name, Owner: s.ep.ID(),
	}
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("pipe: listen %q: %w", name, err)
	}
	l, err := s.ListenOn(a)
	if err != nil {
		return nil, err
	}
	signed, err := s.discovery.Publish(ctx, a, 0, 0)
	if err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("pipe: listen %s: %w", name, err)
	}
	l.publishedAs(signed)
	return l, nil
}

// ListenOn offers the stream pipe that a describes, without publishing it. The
// error wraps [ErrBound], [ErrRefused] if it is not ours to offer, or this peer may only
// read in the group, or [net.ErrClosed].
func (s *Service) ListenOn(a *adv.Pipe) (*Listener, error) {
	l := newListener(s, a)
	if err := s.bind(a, l); err != nil {
		return nil, fmt.Errorf("pipe: listen %s: %w", label(a), err)
	}
	return l, nil
}

// Bind makes the input end of a message pipe, without publishing it. Errors as
// for [Service.ListenOn]; or, of a propagate pipe, those of subscribing: it may be bound
// by every peer, and waits for a rendezvous until the context ends.
func (s *Service) Bind(ctx context.Context, a *adv.Pipe) (*Input, error) {
	return s.BindWith(ctx, a, nil)
}

// BindWith is Bind for an input end that is not as usual; cfg may be nil.
func (s *Service) BindWith(ctx context.Context, a *adv.Pipe, cfg *InputConfig) (*Input, error) {
	in := newInput(s, a)
	err := ctx.Err()
	if err == nil && a.PipeType == adv.Propagate && s.pubsub != nil {
		in.sub, err = s.pubsub.newSubscriber(ctx, a, cfg, in)
	}
	if err == nil {
		err = s.bind(a, in)
	}
	if err != nil {
		_ = in.Close()
		return nil, fmt.Errorf("pipe: bind %s: %w", label(a), err)
	}
	return in, nil
}

func (s *Service) bind(a *adv.Pipe, end inputEnd) error {
	if err := s.ep.Barred(s.ep.ID()); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	switch {
	case a.PipeID.Group() != s.ep.Group().UUID():
		return fmt.Errorf("%w: it is a pipe of another group", ErrRefused)
	case a.PipeType == adv.Propagate:
		if _, ok := end.(*Input); !ok {
			return fmt.Errorf("%w: a propagate pipe carries messages, not a stream", ErrRefused)
		}
		if s.pubsub == nil {
			return errPropagate
		}
	case !a.Owner.IsZero() && a.Owner != s.ep.ID() && !a.Shared:
		return fmt.Errorf("%w: it belongs to %v", ErrRefused, a.Owner)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	if s.bound[a.PipeID] != nil {
		return ErrBound
	}
	s.bound[a.PipeID] = end
	return nil
}

func (s *Service) unbind(p id.Pipe, end inputEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bound[p] == end {
		delete(s.bound, p)
	}
}

func (s *Service) inputEnd(p id.Pipe) inputEnd {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound[p]
}

// answer says to whoever asks that a pipe is bound here.
func (s *Service) answer(w resolver.ResponseWriter, q *resolver.Query) {
	v, _ := id.FromBytes(q.Body)
	p, ok := v.(id.Pipe)
	if !ok {
		_ = w.Fail("not the ID of a pipe")
		return
	}
	if s.inputEnd(p) != nil {
		_ = w.Respond(s.ep.Self().Envelope())
	}
}

// serve leads a stream that a peer opened to its input end.
func (s *Service) serve(st *endpoint.Stream) {
	var m wire.Open
	_ = st.SetDeadline(time.Now().Add(openTimeout))
	if err := st.ReadMsg(&m, maxOpen); err != nil {
		_ = st.Reset()
		return
	}
	v, _ := id.FromBytes(m.GetPipe())
	p, _ := v.(id.Pipe)
	end := s.inputEnd(p)
	switch {
	case m.GetKind() == wire.Open_FEEDBACK && s.pubsub != nil:
		s.pubsub.serveFeedback(st)
	case !wellFormed(&m):
		_ = st.Reset()
	case m.GetAttempt() > 0:
		s.goOn(st, &m)
	case end == nil:
		refuse(st, wire.Opened_NOT_BOUND)
	case end.kind() != m.GetKind():
		refuse(st, wire.Opened_WRONG_KIND)
	default:
		end.serve(st, &m)
	}
}

// goOn leads a stream to the session that it is one more of.
func (s *Service) goOn(st *endpoint.Stream, m *wire.Open) {
	k := acceptedKey(st, m)
	x := s.sessions.get(k)
	if x == nil && m.GetDirection() == wire.Open_END {
		k.ours = true // either may say that it has ended
		x = s.sessions.get(k)
	}
	if x == nil || x.kind != m.GetKind() {
		refuse(st, wire.Opened_GONE)
		return
	}
	x.serve(st, m)
}

func refuse(st *endpoint.Stream, status wire.Opened_Status) {
	_ = st.WriteMsg(&wire.Opened{Status: status})
}

// accept tells the other side that it is through, and where to go on; and lifts the
// deadline.
func accept(st *endpoint.Stream, at uint64) error {
	err := st.WriteMsg(&wire.Opened{Status: wire.Opened_OK, Position: at})
	if err != nil {
		_ = st.Reset()
		return err
	}
	return st.SetDeadline(time.Time{})
}

func label(a *adv.Pipe) string {
	if a.Name != "" {
		return a.Name
	}
	return a.PipeID.String()
}
