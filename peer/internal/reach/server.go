package reach

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// Limits bound what a relay does for others. Zero is the default.
type Limits struct {
	Reservations int           // places; 4,096
	PerAddress   int           // of those, for peers behind one IP address; 1,024
	Circuits     int           // open through the relay at once, of one peer; 256
	Bytes        int64         // that it carries for one peer an hour; no limit
	Lease        time.Duration // of a place; 1 hour
}

func (l Limits) complete() Limits {
	return Limits{
		Reservations: cmp.Or(l.Reservations, 4096), PerAddress: cmp.Or(l.PerAddress, 1024),
		Circuits: cmp.Or(l.Circuits, 256), Bytes: l.Bytes, Lease: cmp.Or(l.Lease, time.Hour),
	}
}

const (
	relayBuffer  = 32 << 10 // for each direction of a circuit
	admitTimeout = 5 * time.Second
	budgetSpan   = time.Hour // for Limits.Bytes
	maxAccounts  = 8192      // peers whose bytes are counted; those who were idle for longest go first
)

// server is the host's relay, for as long as it is one.
type server struct {
	r      *Reach
	relay  *relay.Relay
	since  time.Time
	limits Limits

	circuits, served, refused atomic.Int64

	mu       sync.Mutex // guards what follows
	places   map[peer.ID]placeOf
	accounts map[peer.ID]*Account
}

// Account is what a relay has carried for one peer.
type Account struct {
	Peer  peer.ID
	Place bool   // it has a place at the relay now
	In    uint64 // bytes that have come from it
	Out   uint64 // bytes that have gone to it
	Last  time.Time

	span      time.Time // since when
	spanBytes int64     // were carried
}

func newServer(r *Reach) (*server, error) {
	s := &server{
		r: r, since: time.Now(), limits: r.cfg.Limits.complete(),
		places: map[peer.ID]placeOf{}, accounts: map[peer.ID]*Account{},
	}
	var err error
	s.relay, err = relay.New(&metered{r.host, s}, relay.WithACL(s), relay.WithMetricsTracer(s),
		relay.WithReservationAddressFilter(func(ma.Multiaddr) bool { return true }),
		relay.WithResources(relay.Resources{
			ReservationTTL: s.limits.Lease, MaxReservations: s.limits.Reservations, MaxCircuits: s.limits.Circuits,
			BufferSize: relayBuffer, MaxReservationsPerIP: s.limits.PerAddress, MaxReservationsPerASN: s.limits.Reservations,
		}))
	return s, err
}

func (s *server) close() { _ = s.relay.Close() }

// placeOf is a place that was given.
type placeOf struct {
	until time.Time
	at    netip.Addr // from where it was asked for
}

// AllowReserve implements [relay.ACLFilter]: for a place, a peer has to be of ours, and one
// be free. The relay itself would see to that, too, but not tell us.
func (s *server) AllowReserve(p peer.ID, a ma.Multiaddr) bool {
	if !s.admit(p) {
		return false
	}
	at, _ := ipOf(a)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tidyLocked()
	if _, had := s.places[p]; !had && (len(s.places) >= s.limits.Reservations || s.atLocked(at) >= s.limits.PerAddress) {
		s.refused.Add(1)
		s.r.log.Info("no place left at this relay", "addr", p, "from", at, "places", len(s.places))
		return false
	}
	s.places[p] = placeOf{time.Now().Add(s.limits.Lease), at}
	return true
}

// tidyLocked forgets places that the relay has given up: they have expired, or the peer is
// gone.
func (s *server) tidyLocked() {
	now := time.Now()
	for p, at := range s.places {
		if now.After(at.until) || s.r.host.Network().Connectedness(p) == network.NotConnected {
			delete(s.places, p)
		}
	}
}

func (s *server) atLocked(ip netip.Addr) (n int) {
	for _, p := range s.places {
		if p.at == ip {
			n++
		}
	}
	return n
}

// AllowConnect implements [relay.ACLFilter].
func (s *server) AllowConnect(src peer.ID, _ ma.Multiaddr, _ peer.ID) bool {
	return s.admit(src)
}

func (s *server) admit(p peer.ID) bool {
	ok := s.within(p)
	if ok && s.r.cfg.Admit != nil {
		ctx, cancel := context.WithTimeout(s.r.ctx, admitTimeout)
		defer cancel()
		ok = s.r.cfg.Admit(ctx, p)
	}
	if !ok {
		s.refused.Add(1)
		s.r.log.Debug("nothing is carried for a peer", "addr", p)
	}
	return ok
}

// within reports whether a peer has not used up yet what it may have carried.
func (s *server) within(p peer.ID) bool {
	if s.limits.Bytes == 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[p]
	return a == nil || time.Since(a.span) > budgetSpan || a.spanBytes < s.limits.Bytes
}

// carried counts bytes that have come from a peer, or gone to it, and reports whether there
// may be more.
func (s *server) carried(p peer.ID, in, out int) bool {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[p]
	if a == nil {
		s.makeRoomLocked()
		a = &Account{Peer: p, span: now}
		s.accounts[p] = a
	}
	if now.Sub(a.span) > budgetSpan {
		a.span, a.spanBytes = now, 0
	}
	a.In, a.Out, a.Last = a.In+uint64(in), a.Out+uint64(out), now
	a.spanBytes += int64(in + out)
	return s.limits.Bytes == 0 || a.spanBytes <= s.limits.Bytes
}

func (s *server) makeRoomLocked() {
	if len(s.accounts) < maxAccounts {
		return
	}
	var oldest *Account
	for _, a := range s.accounts {
		if oldest == nil || a.Last.Before(oldest.Last) {
			oldest = a
		}
	}
	delete(s.accounts, oldest.Peer)
}

// Serving is what a relay does, and has done.
type Serving struct {
	Since    time.Time
	Limits   Limits
	Places   int    // that are taken
	Circuits int    // open now
	Served   uint64 // circuits that were opened
	Refused  uint64 // requests for a place or a circuit
	Accounts []Account
}

// Serving returns what the host does as a relay; nil if it is none.
func (r *Reach) Serving() *Serving {
	r.mu.Lock()
	s := r.relay
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &Serving{
		Since: s.since, Limits: s.limits, Circuits: int(s.circuits.Load()),
		Served: uint64(s.served.Load()), Refused: uint64(s.refused.Load()),
	}
	s.tidyLocked()
	st.Places = len(s.places)
	for p := range s.places {
		if s.accounts[p] == nil {
			st.Accounts = append(st.Accounts, Account{Peer: p, Place: true})
		}
	}
	for p, a := range s.accounts {
		_, placed := s.places[p]
		st.Accounts = append(st.Accounts, Account{Peer: p, Place: placed, In: a.In, Out: a.Out, Last: a.Last})
	}
	slices.SortFunc(st.Accounts, func(a, b Account) int {
		return cmp.Or(cmp.Compare(b.In+b.Out, a.In+a.Out), cmp.Compare(a.Peer, b.Peer))
	})
	return st
}

// metered is the host as the relay sees it: what it carries is counted.
type metered struct {
	host.Host
	s *server
}

// SetStreamHandler implements [host.Host].
func (m *metered) SetStreamHandler(p protocol.ID, h network.StreamHandler) {
	m.Host.SetStreamHandler(p, func(s network.Stream) { h(&meteredStream{s, m.s}) })
}

// NewStream implements [host.Host].
func (m *metered) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	s, err := m.Host.NewStream(ctx, p, protocols...)
	if err != nil {
		return nil, err
	}
	return &meteredStream{s, m.s}, nil
}

type meteredStream struct {
	network.Stream
	s *server
}

// Read implements [network.Stream].
func (m *meteredStream) Read(b []byte) (int, error) {
	n, err := m.Stream.Read(b)
	if n > 0 && !m.s.carried(m.Conn().RemotePeer(), n, 0) {
		_ = m.Reset()
		return 0, network.ErrReset
	}
	return n, err
}

// Write implements [network.Stream].
func (m *meteredStream) Write(b []byte) (int, error) {
	n, err := m.Stream.Write(b)
	if n > 0 {
		m.s.carried(m.Conn().RemotePeer(), 0, n)
	}
	return n, err
}

// The rest is [relay.MetricsTracer].

// RelayStatus is of no interest.
func (*server) RelayStatus(bool) {}

// ConnectionOpened counts a circuit.
func (s *server) ConnectionOpened() { s.circuits.Add(1); s.served.Add(1) }

// ConnectionClosed counts it out.
func (s *server) ConnectionClosed(time.Duration) { s.circuits.Add(-1) }

// ConnectionRequestHandled is of no interest.
func (*server) ConnectionRequestHandled(pb.Status) {}

// ReservationAllowed is of no interest.
func (*server) ReservationAllowed(bool) {}

// ReservationClosed is of no interest.
func (*server) ReservationClosed(int) {}

// ReservationRequestHandled is of no interest.
func (*server) ReservationRequestHandled(pb.Status) {}

// BytesTransferred is of no interest: they are counted by peer.
func (*server) BytesTransferred(int) {}
