package reach

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/endpoint"
)

// Mode is a choice that may be left to the peer.
type Mode int

// The modes.
const (
	Auto Mode = iota // as it turns out to be right
	On
	Off
)

// Config says how a host is to be reached.
type Config struct {
	Serve  Mode // being a relay; Auto: while the host is public, or Needed and behind no NAT
	Public Mode // being reachable without one; Auto: it is found out. Off: it takes relays in any case
	Limits Limits
	// Find finds relays that the host is not connected to. It is called when there is none.
	Find func(context.Context) iter.Seq[peer.AddrInfo]
	// Needed says whether others depend on the host, who have come to it: so it can be
	// reached, by some at least. It must not wait.
	Needed func() bool
	// Admit says whether a peer may use this host as a relay. It may wait for the peer.
	Admit func(context.Context, peer.ID) bool
	// Changed is called when the peer has become, or is no longer, a relay, or public. It
	// must not wait.
	Changed func()
	// GuessPorts has the port of a symmetric NAT be guessed, where no hole can be punched,
	// with others who do so. The host has to be made with QUIC.
	GuessPorts bool
	Log        *slog.Logger
}

// Reach keeps one host within reach. Its methods may be called concurrently.
type Reach struct {
	cfg  Config
	host host.Host
	log  *slog.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // goes up by begin only
	ending sync.Mutex     // guards ended
	ended  bool
	closer sync.Once
	wake   chan struct{} // cap 1: something has changed for the loop
	events event.Subscription
	told   event.Emitter // of the host's addresses having changed
	punch  *puncher
	guess  *guesser // nil: ports are not guessed

	judging    sync.Mutex // one change of what the host is at a time
	mu         sync.Mutex // guards what follows
	own        []netip.Prefix
	confirmed  []ma.Multiaddr // of ours, that others could dial
	refuted    []ma.Multiaddr // of ours, that they could not
	seen       observations
	holds      map[peer.ID]*hold              // reservations
	feelers    map[peer.ID]context.CancelFunc // of relays that are felt
	candidates map[peer.ID]bool               // connected, and say that they are relays
	asking     map[peer.ID]bool
	refused    map[peer.ID]refusal
	nextSearch time.Time
	searching  bool
	relay      *server // nil: we are none
	public     bool
	serve      Mode
	ways       map[peer.ID]endpoint.Way
	changed    chan struct{} // closed when there is news for Await
}

// New prepares a host's reach. It has to be started, or closed.
func New(cfg *Config) *Reach {
	r := &Reach{
		cfg: *cfg, log: cfg.Log, wake: make(chan struct{}, 1), serve: cfg.Serve,
		holds: map[peer.ID]*hold{}, feelers: map[peer.ID]context.CancelFunc{}, candidates: map[peer.ID]bool{}, asking: map[peer.ID]bool{}, refused: map[peer.ID]refusal{},
		ways: map[peer.ID]endpoint.Way{}, own: ownPrefixes(), changed: make(chan struct{}),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	if r.cfg.Changed == nil {
		r.cfg.Changed = func() {}
	}
	told := r.cfg.Changed
	r.cfg.Changed = func() { r.spread(); told() }
	r.punch = newPuncher(r)
	if cfg.GuessPorts {
		r.guess = newGuesser(r)
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Options are what the host has to be made with.
func (r *Reach) Options() []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.EnableRelay(),
		libp2p.AddrsFactory(r.addresses),
		// libp2p's older way to find out would ask, too, and say it minutes later.
		libp2p.ForceReachabilityPrivate(),
		libp2p.ConnectionGater((*gater)(r)),
	}
	if r.cfg.Public == Auto {
		opts = append(opts, libp2p.EnableAutoNATv2())
	}
	return opts
}

// Start begins to keep the host within reach, until Close.
func (r *Reach) Start(h host.Host) (err error) {
	r.host = h
	r.events, err = h.EventBus().Subscribe([]any{
		new(event.EvtPeerIdentificationCompleted), new(event.EvtPeerProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged), new(event.EvtHostReachableAddrsChanged),
	}, eventbus.Name("reach"), eventbus.BufSize(256))
	if err != nil {
		r.host = nil
		return err
	}
	if r.told, err = h.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated), eventbus.Stateful); err != nil {
		r.host = nil
		return errors.Join(err, r.events.Close())
	}
	r.guess.start()
	r.step()
	r.begin(r.run)
	r.begin(r.watchInterfaces)
	return nil
}

// Close gives everything back. The host has to be closed after it.
func (r *Reach) Close() (err error) {
	r.closer.Do(func() {
		r.cancel()
		r.ending.Lock()
		r.ended = true
		r.ending.Unlock()
		punching := r.punch.close() // others may be waiting for it
		r.wg.Wait()
		if r.host == nil {
			return
		}
		r.guess.close()
		if srv := r.takeServer(); srv != nil {
			srv.close()
		}
		err = errors.Join(punching, r.events.Close(), r.told.Close())
	})
	return err
}

// takeServer returns the relay, if there is one, and leaves none.
func (r *Reach) takeServer() *server {
	r.judging.Lock()
	defer r.judging.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	srv := r.relay
	r.relay = nil
	return srv
}

// begin runs f in a goroutine that Close waits for, unless it is too late for that.
func (r *Reach) begin(f func()) bool {
	r.ending.Lock()
	defer r.ending.Unlock()
	if !r.ended {
		r.wg.Go(f)
	}
	return !r.ended
}

// run is the loop: what happens to the host, one thing after the other.
func (r *Reach) run() {
	tick := time.NewTicker(stepInterval)
	defer tick.Stop()
	for {
		select {
		case ev, ok := <-r.events.Out():
			if !ok {
				return
			}
			r.hear(ev)
		case <-r.wake:
		case <-tick.C:
			r.watchRelays() // looks at all connections, so not whenever one comes
		case <-r.ctx.Done():
			return
		}
		r.step()
	}
}

// stepInterval is how often it is looked at what is due.
const stepInterval = time.Second

func (r *Reach) hear(ev any) {
	switch ev := ev.(type) {
	case event.EvtPeerIdentificationCompleted:
		r.observe(ev.Conn, ev.ObservedAddr)
		if slices.Contains(ev.Protocols, proto.ProtoIDv2Hop) && !relayed(ev.Conn) {
			r.candidate(ev.Peer, true)
		}
	case event.EvtPeerProtocolsUpdated:
		if slices.Contains(ev.Added, proto.ProtoIDv2Hop) {
			r.candidate(ev.Peer, true)
		}
		if slices.Contains(ev.Removed, proto.ProtoIDv2Hop) {
			r.candidate(ev.Peer, false)
			r.lost(ev.Peer)
		}
	case event.EvtPeerConnectednessChanged:
		if ev.Connectedness == network.NotConnected {
			r.candidate(ev.Peer, false)
			r.lost(ev.Peer)
		}
	case event.EvtHostReachableAddrsChanged:
		r.mu.Lock()
		r.confirmed, r.refuted = ev.Reachable, ev.Unreachable
		r.mu.Unlock()
	}
}

// step does what is due.
func (r *Reach) step() {
	r.judge()
	r.seek()
}

// nudge has the loop take a step.
func (r *Reach) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// judge finds out whether the host is public, and acts on it.
func (r *Reach) judge() {
	r.judging.Lock()
	defer r.judging.Unlock()
	if r.host == nil || r.ctx.Err() != nil {
		return
	}
	listening := r.host.Network().ListenAddresses()
	needed := r.cfg.Needed != nil && r.cfg.Needed() && !r.Hidden() && r.cfg.wants(r)
	r.mu.Lock()
	public := r.isPublicLocked(listening)
	serve := r.serve == On || r.serve == Auto && (public || needed)
	was, srv := r.public, r.relay
	r.public = public
	r.mu.Unlock()
	if serve && srv == nil {
		var err error
		if srv, err = newServer(r); err != nil {
			r.log.Error("no relay", "err", err)
			return
		}
		r.setServer(srv)
		r.log.Info("relay for others", "public", public)
	} else if !serve && srv != nil {
		r.setServer(nil)
		srv.close()
		r.log.Info("relay no longer")
	} else if was == public {
		return
	}
	r.cfg.Changed()
}

func (r *Reach) setServer(srv *server) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.relay = srv
}

// Serve has the host be a relay, or not, or decide itself.
func (r *Reach) Serve(m Mode) {
	r.mu.Lock()
	r.serve = m
	r.mu.Unlock()
	r.judge()
}

// Public reports whether others reach the host without a relay, as far as is known.
func (r *Reach) Public() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.public
}

// Relaying reports whether the host is a relay.
func (r *Reach) Relaying() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.relay != nil
}

// spread wakes those who await something.
func (r *Reach) spread() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Await waits until the host can be reached: it is public, or has a place at a relay. The
// error is the context's.
func (r *Reach) Await(ctx context.Context) error {
	for {
		r.mu.Lock()
		there, changed := r.public || len(r.holds) > 0, r.changed
		r.mu.Unlock()
		if there {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Place is one at a relay.
type Place struct {
	Relay        peer.ID
	Since, Until time.Time
	Addrs        []ma.Multiaddr // of ours, there
}

// Places returns those that the host has, the oldest first.
func (r *Reach) Places() []Place {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Place
	for _, h := range r.holds {
		all = append(all, Place{h.relay, h.since, h.until, slices.Clone(h.circuits)})
	}
	slices.SortFunc(all, func(a, b Place) int { return a.Since.Compare(b.Since) })
	return all
}
