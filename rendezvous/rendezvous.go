package rendezvous

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
)

// Role is what a peer is to be in a group.
type Role string

// The roles.
const (
	Auto       Role = "auto"       // an edge, unless a rendezvous is wanted
	Edge       Role = "edge"       // never a rendezvous
	Rendezvous Role = "rendezvous" // always
)

// What callers test for.
var (
	// ErrNoRendezvous: this peer is an edge, and reaches no rendezvous.
	ErrNoRendezvous = errors.New("no rendezvous can be reached")
	// ErrQuota: the rendezvous holds as much of this publisher as it will, or of what
	// others have signed and it publishes.
	ErrQuota = errors.New("the rendezvous keeps no more of one publisher")
	// ErrFull: the index of the rendezvous is full of what may not be dropped.
	ErrFull = errors.New("the index of the rendezvous is full")
	// ErrTooLarge: a message exceeds [MaxMessage].
	ErrTooLarge = errors.New("larger than the limit")
	// ErrRole: the role does not allow it.
	ErrRole = errors.New("not in this role")
)

// Finder finds the rendezvous of a group when none is known, and makes ours known:
// the DHT.
type Finder interface {
	// FindRendezvous returns hosts that say they are rendezvous of the group.
	FindRendezvous(ctx context.Context, g id.Group, n int) iter.Seq[peer.AddrInfo]
	// Announce begins, or stops, saying so of this host.
	Announce(g id.Group, on bool)
}

// Config is what a rendezvous service is made of.
type Config struct {
	Key      crypto.PrivKey // the host's: this peer's identity
	Endpoint *endpoint.Endpoint
	Name     string // of the peer, for its advertisement as a rendezvous
	Role     Role   // empty: Auto
	Finder   Finder // nil: there is none
	// Hidden says whether this peer is behind a NAT, where others may not reach it: then it
	// does not offer itself as a rendezvous. Nil: it is not.
	Hidden func() bool
	// Beacon is what the Finder is asked for, and told, in place of the group's own ID;
	// zero: that.
	Beacon id.Group
	Cipher Cipher // of a group with members; nil: nothing is sealed
	// Vet says why an advertisement does not belong into the group, as that of who was put
	// out of it; nil: all do.
	Vet func(a *adv.Signed) error
	// Settled is closed when the first attempts to reach anybody have ended: a peer
	// that may choose its role waits for that before it takes itself for alone. Nil:
	// they have ended.
	Settled <-chan struct{}
	Limits  Limits
	Log     *slog.Logger // nil: discard
}

// Limits bound what a rendezvous does for others. Zero means the default.
type Limits struct {
	Clients     int           // leases; default 2,000
	Lease       time.Duration // how long one holds without being renewed; default 2 min
	Replication int           // replicas of an advertisement for each of its keys; default 3

	Entries          int // advertisements in the index; default 200,000
	Bytes            int // of their envelopes; default 256 MiB
	PublisherEntries int // of one publisher; default 20,000
	PublisherBytes   int // default 16 MiB
}

// Service is the rendezvous service of one group. Its methods may be called
// concurrently.
type Service struct {
	cfg     Config
	limits  Limits
	ep      *endpoint.Endpoint
	log     *slog.Logger
	self    id.Peer
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	wg      sync.WaitGroup // run, refresh, and what they begin
	settled chan struct{}  // closed when the peer has found its place
	settle  func()

	changing lock.Turn // one change of role at a time

	hopeAt time.Time // run's own: when the first attempts to reach anybody were over

	closeOnce sync.Once

	rekeyed chan struct{} // cap 1: more epochs are known, or the first bundle waits for one
	// delivering is held while bundles are given to our subscriptions, so that they stay in
	// order while the cipher works on them. It guards unread.
	delivering sync.Mutex
	unread     unread

	mu         sync.Mutex // guards what follows
	aloneSince time.Time  // without a rendezvous; zero: there is one
	role       Role       // what was asked for
	reason     string     // why the peer is what it is
	since      time.Time
	changed    chan struct{} // closed, and replaced, when srv or lease is another one
	kicked     chan struct{} // cap 1: somebody new is near
	shelved    chan struct{} // cap 1: something is to be published
	closed     bool
	srv        *server   // nil: an edge
	lease      *lease    // nil: none
	lastSeq    uint64    // of our advertisement as a rendezvous
	lostAt     time.Time // when the last lease ended that we had not given back
	leftAt     time.Time // when it last had another place than now
	fickle     int       // how often it stopped being one for want of need, and had no lease for long since
	asking     map[id.Peer]bool
	exchanging map[id.Peer]int // peerviews, as they asked
	view       *view.View      // the rendezvous of the group that are known
	preferred  []id.Peer       // rendezvous, as the last grant has them
	heirs      []id.Peer       // successors, likewise
	shelf      *shelf
	topics     *topics
	count      counters
}

// New starts the service. It ends with Close, which has to come before that of the
// endpoint.
func New(cfg *Config) *Service {
	s := &Service{
		cfg: *cfg, limits: cfg.Limits.complete(), ep: cfg.Endpoint, log: cfg.Log, self: cfg.Endpoint.ID(),
		role: cmp.Or(cfg.Role, Auto), reason: "it has just started", since: time.Now(),
		settled: make(chan struct{}), changed: make(chan struct{}), kicked: make(chan struct{}, 1), shelved: make(chan struct{}, 1),
		changing: lock.NewTurn(), asking: map[id.Peer]bool{}, exchanging: map[id.Peer]int{}, view: view.New(cfg.Endpoint.Group(), cfg.Endpoint.ID()),
		shelf: newShelf(), topics: newTopics(), rekeyed: make(chan struct{}, 1),
	}
	s.settle = sync.OnceFunc(func() { close(s.settled) })
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.Settled == nil {
		now := make(chan struct{})
		close(now)
		s.cfg.Settled = now
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.ep.Handle(leaseService, s.serveLease)
	s.ep.Handle(peerviewService, s.serveExchange)
	s.ep.Handle(indexService, s.serveIndex)
	s.ep.Handle(searchService, s.serveSearch)
	s.wg.Go(s.run)
	s.wg.Go(s.refresh)
	if s.cfg.Cipher != nil {
		s.wg.Go(s.reread)
	}
	return s
}

func (l Limits) complete() Limits {
	l.Clients = cmp.Or(l.Clients, 2000)
	l.Lease = cmp.Or(l.Lease, 2*time.Minute)
	l.Replication = cmp.Or(l.Replication, 3)
	return l
}

// Close leaves: a rendezvous hands its edges over and says farewell to the others,
// an edge gives its lease back. It returns when every goroutine has ended.
func (s *Service) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		s.leave()
		s.cancel()
		s.settle()
		s.wg.Wait()
		s.endSubscriptions()
	})
	return nil
}

// Settle waits until the peer has found its place: it has a lease, is a rendezvous
// itself, or has seen that there is none to be reached. Where it has just lost its
// place it waits for the next one, a few seconds at most. The error is the context's, or
// [net.ErrClosed].
func (s *Service) Settle(ctx context.Context) error {
	select {
	case <-s.settled:
	case <-ctx.Done():
	}
	for end := time.After(searchPatience); ; {
		srv, l, changed := s.station()
		switch {
		case s.ctx.Err() != nil:
			return net.ErrClosed
		case ctx.Err() != nil || srv != nil || l != nil || !s.leased(nil):
			return ctx.Err()
		}
		select { // it had its place a moment ago, and is about to have the next one
		case <-changed:
		case <-end:
			return nil
		case <-ctx.Done():
		}
	}
}

// Met has to be called for each peer that comes near: it may be a rendezvous, or
// know one.
func (s *Service) Met(a *adv.Signed) {
	if srv := s.server(); srv != nil {
		srv.meet(a.Signer())
		return
	}
	s.kick()
}

// Gone has to be called when the last connection to a peer has ended.
func (s *Service) Gone(who id.Peer) {
	if srv := s.server(); srv != nil {
		srv.miss(who)
	}
}

// kick has an edge without a lease look again.
func (s *Service) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

func (s *Service) server() *server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv
}

// station returns where this peer stands, and what tells of a change.
func (s *Service) station() (*server, *lease, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.srv, s.lease, s.changed
}

// stand sets where this peer stands. The caller holds changing.
func (s *Service) stand(srv *server, l *lease, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil || s.lease != nil {
		s.leftAt = time.Now()
	}
	s.srv, s.lease, s.reason, s.since = srv, l, reason, time.Now()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Service) over() bool { return s.ctx.Err() != nil }
