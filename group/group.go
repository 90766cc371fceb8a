package group

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// Config is what a group is made of.
type Config struct {
	Advertisement *adv.Group
	Host          host.Host      // shared by all groups; the group does not close it
	Key           crypto.PrivKey // the host's: this peer's identity
	Name, Desc    string         // of this peer, for its advertisement
	// Settled is closed when the first attempts to reach anybody have ended: before
	// that a peer does not take itself for alone. Nil: they have ended.
	Settled <-chan struct{}
	Role    rendezvous.Role   // in this group; empty: rendezvous.Auto
	Finder  rendezvous.Finder // of rendezvous that nobody near knows; nil: there is none
	Limits  rendezvous.Limits // as a rendezvous
	// Patience is how long pipes outlive the way to the other end; 0: 30 s.
	Patience time.Duration
	// Store keeps what was published, and the cache, over a restart. Nil: it ends
	// with the group.
	Store *store.DB
	Log   *slog.Logger // nil: discard
}

// Group is one peer group as this peer sees it. Its methods may be called
// concurrently.
type Group struct {
	cfg        Config
	endpoint   *endpoint.Endpoint
	rendezvous *rendezvous.Service
	resolver   *resolver.Service
	discovery  *discovery.Service
	pipe       *pipe.Service

	ready     chan struct{} // closed when the services are there
	lastSeq   uint64        // of our advertisement
	addresses event.Subscription
	wg        sync.WaitGroup // followAddresses
}

// selfExpiration is how long a peer that has died without a word can be found yet.
const selfExpiration = 10 * time.Minute

// New makes the services of a group, and publishes this peer's advertisement in
// it.
func New(cfg *Config) (*Group, error) {
	g := &Group{cfg: *cfg, ready: make(chan struct{})}
	if g.cfg.Log == nil {
		g.cfg.Log = slog.New(slog.DiscardHandler)
	}
	log := g.cfg.Log.With("group", cfg.Advertisement.Name)
	self, err := g.sign()
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	g.addresses, err = cfg.Host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	g.endpoint = endpoint.New(&endpoint.Config{
		Host: cfg.Host, Group: cfg.Advertisement.GID, Self: self, Met: g.met, Gone: g.gone, Log: log,
	})
	g.rendezvous = rendezvous.New(&rendezvous.Config{
		Key: cfg.Key, Endpoint: g.endpoint, Name: cfg.Name, Role: cfg.Role, Finder: cfg.Finder,
		Settled: cfg.Settled, Limits: cfg.Limits, Log: log,
	})
	g.resolver = resolver.New(&resolver.Config{Endpoint: g.endpoint, Rendezvous: g.rendezvous, Log: log})
	g.discovery, err = discovery.New(&discovery.Config{
		Key: cfg.Key, Endpoint: g.endpoint, Rendezvous: g.rendezvous, Resolver: g.resolver, Store: cfg.Store, Log: log,
	})
	if err != nil {
		close(g.ready)
		return nil, errors.Join(fmt.Errorf("group: %w", err), g.addresses.Close(), g.rendezvous.Close(), g.endpoint.Close())
	}
	g.pipe = pipe.New(&pipe.Config{
		Endpoint: g.endpoint, Rendezvous: g.rendezvous, Resolver: g.resolver, Discovery: g.discovery,
		Patience: cfg.Patience, Log: log,
	})
	g.discovery.KeepOwn(self, selfExpiration)
	close(g.ready)
	g.wg.Go(g.followAddresses)
	return g, nil
}

// Close releases all that the group has: pipes, streams, goroutines.
func (g *Group) Close() error {
	_ = g.addresses.Close()
	g.wg.Wait()
	_ = g.pipe.Close()
	_ = g.rendezvous.Close()
	return g.endpoint.Close()
}

// Advertisement returns the group's advertisement.
func (g *Group) Advertisement() *adv.Group { return g.cfg.Advertisement }

// Self returns this peer's advertisement in the group.
func (g *Group) Self() *adv.Signed { return g.endpoint.Self() }

// Discovery returns the group's discovery service.
func (g *Group) Discovery() *discovery.Service { return g.discovery }

// Resolver returns the group's resolver.
func (g *Group) Resolver() *resolver.Service { return g.resolver }

// Rendezvous returns the group's rendezvous service.
func (g *Group) Rendezvous() *rendezvous.Service { return g.rendezvous }

// Pipe returns the group's pipe service.
func (g *Group) Pipe() *pipe.Service { return g.pipe }

// Neighbours returns the advertisements of the peers of the group that are
// connected to this one now, ordered by ID.
func (g *Group) Neighbours() []*adv.Signed { return g.endpoint.Neighbours() }

// Connect connects to the peer at an address and makes it a neighbour. The error
// is an [*endpoint.Error].
func (g *Group) Connect(ctx context.Context, to peer.AddrInfo) (*adv.Signed, error) {
	return g.endpoint.Connect(ctx, to)
}

// Ping is one round trip to a peer.
type Ping = endpoint.Ping

// Ping measures one round trip to a peer, and says by what path. Errors as for
// [endpoint.Endpoint.Ping].
func (g *Group) Ping(ctx context.Context, to id.Peer) (Ping, error) {
	return g.endpoint.Ping(ctx, to)
}

// met is called for each peer that comes near: the first of them while New is
// still at it.
func (g *Group) met(a *adv.Signed, expiration time.Duration) {
	<-g.ready
	if g.discovery != nil {
		g.discovery.Keep(a, expiration)
	}
	g.rendezvous.Met(a)
}

// gone is called for each peer that is connected no longer.
func (g *Group) gone(who id.Peer) {
	<-g.ready
	g.rendezvous.Gone(who)
}

// sign makes this peer's advertisement as things are now: a newer version than
// the one before also in the same millisecond.
func (g *Group) sign() (*adv.Signed, error) {
	pub, err := g.cfg.Key.GetPublic().Raw()
	if err != nil {
		return nil, err
	}
	a := &adv.Peer{
		PID: id.PeerOf(id.Net, pub), GID: g.cfg.Advertisement.GID, Name: g.cfg.Name, Desc: g.cfg.Desc,
		Route: adv.Route{Host: g.cfg.Host.ID()},
	}
	for _, m := range g.cfg.Host.Addrs() {
		a.Route.Addrs = append(a.Route.Addrs, m.String())
	}
	g.lastSeq = max(g.lastSeq+1, uint64(time.Now().UnixMilli()))
	return adv.Sign(g.cfg.Key, a, g.lastSeq)
}

// followAddresses introduces us anew whenever our addresses change.
func (g *Group) followAddresses() {
	for range g.addresses.Out() {
		self, err := g.sign()
		if err != nil {
			g.cfg.Log.Error("own advertisement not signed", "err", err)
			continue
		}
		g.endpoint.Introduce(self)
		g.discovery.KeepOwn(self, selfExpiration)
	}
}
