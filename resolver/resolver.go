package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/seen"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Limits. A query or an answer beyond them is refused by name; so is a query
// that comes when a neighbour, or all of them, keep us busy enough.
const (
	MaxQuery   = 64 << 10  // bytes of a query's body
	MaxAnswer  = 256 << 10 // bytes of an answer's body
	MaxAnswers = 10_000    // answers to one query; the asker hangs up after them

	// MaxGroupAnswers is how many of them are one peer's, if the group was asked: who
	// has no end of them does not keep the others' from the asker.
	MaxGroupAnswers = 1000

	maxServing     = 512  // queries being answered at once
	maxServingEach = 128  // of them for one rendezvous, which asks for many
	maxServingEdge = 32   // of them for any other neighbour
	maxAsking      = 256  // peers that one query is put to at once
	maxSeen        = 8192 // queries that are known again: far more than are under way
	maxHops        = 5    // how often a query is passed on

	// groupPatience is how long a peer that passes a query on no farther may say
	// nothing before a query to the group does without it. Who does pass it on has
	// as much time again for each hop, or it could not do without the others.
	groupPatience = 5 * time.Second
)

// What callers test for.
var (
	// ErrNoHandler: the peer that was asked has no handler of that name.
	ErrNoHandler = errors.New("no handler of that name")
	// ErrBusy: the peer answers as many queries as it will.
	ErrBusy = errors.New("busy, try again later")
	// ErrTooLarge: a query or an answer exceeds the limit.
	ErrTooLarge = errors.New("larger than the limit")
	// ErrTooMany: one peer gives no more than [MaxAnswers], or [MaxGroupAnswers].
	ErrTooMany = errors.New("as many answers as one query gets")
	// ErrHandler: the handler at the peer failed; the error's text says why.
	ErrHandler = errors.New("the peer's handler failed")
)

// Config is what a resolver is made of.
type Config struct {
	Endpoint   *endpoint.Endpoint
	Rendezvous *rendezvous.Service // knows the way to the whole group
	Log        *slog.Logger        // nil: discard
}

// Service is the resolver of one group. Its methods may be called concurrently.
type Service struct {
	ep  *endpoint.Endpoint
	rdv *rendezvous.Service
	log *slog.Logger

	mu       sync.Mutex // guards what follows
	handlers map[string]Handler
	seen     *seen.Ring
	serving  map[id.Peer]int
	total    int
}

const serviceName = "resolver"

// New starts answering queries. The service ends with its endpoint.
func New(cfg *Config) *Service {
	s := &Service{
		ep: cfg.Endpoint, rdv: cfg.Rendezvous, log: cfg.Log,
		handlers: map[string]Handler{}, seen: seen.New(maxSeen), serving: map[id.Peer]int{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ep.Handle(serviceName, s.serve)
	return s
}

// Handler answers queries. ServeQuery is called in a goroutine of its own for
// each, and the answers end when it returns. If it panics, the asker is told that the
// handler failed, and the log has the stack; no other answer suffers from it.
type Handler interface {
	ServeQuery(w ResponseWriter, q *Query)
}

// HandlerFunc is a function as a Handler.
type HandlerFunc func(w ResponseWriter, q *Query)

// ServeQuery calls f.
func (f HandlerFunc) ServeQuery(w ResponseWriter, q *Query) { f(w, q) }

// ResponseWriter is how a handler answers one query. It is valid until
// ServeQuery returns; its methods may be called concurrently.
type ResponseWriter interface {
	// Respond sends one answer. It blocks while the asker does not read. An
	// error means that the asker is gone, that it has had as many answers as it takes
	// ([ErrTooMany]), or that body is too large ([ErrTooLarge]): then the next one
	// may still be sent.
	Respond(body []byte) error
	// Fail sends an error as an answer.
	Fail(text string) error
}

// Query is a query as its handler sees it.
type Query struct {
	Handler string
	Body    []byte          // the handler's to keep
	Asker   id.Peer         // the neighbour that the query came from
	Context context.Context // ends when the asker hangs up, or the group is left
}

// Response is one answer.
type Response struct {
	From id.Peer // who answers; see "Trust" in the package comment
	Body []byte  // the caller's to keep
}

// Handle has queries to name answered by h until remove is called. It panics if
// the name is taken, as [net/http.Handle] does: that is a bug of the caller's.
func (s *Service) Handle(name string, h Handler) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers[name] != nil {
		panic(fmt.Sprintf("resolver: handler %q registered twice", name))
	}
	s.handlers[name] = h
	return sync.OnceFunc(func() { // the name may be another's later
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.handlers, name)
	})
}

func (s *Service) handler(name string) Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handlers[name]
}

// first reports whether a query of this ID comes for the first time.
func (s *Service) first(query []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Add(seen.ID(query))
}

// begin counts one more query in hand, unless there are too many.
func (s *Service) begin(who id.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	each := maxServingEdge
	if s.rdv.IsRendezvous(who) {
		each = maxServingEach
	}
	if s.total >= maxServing || s.serving[who] >= each {
		return false
	}
	s.total++
	s.serving[who]++
	return true
}

func (s *Service) end(who id.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.serving[who]--; s.serving[who] == 0 {
		delete(s.serving, who)
	}
}
