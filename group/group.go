package group

import (
	"context"
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
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/resolver"
)

// Config is what a group is made of.
type Config struct {
	Advertisement *adv.Group
	Host          host.Host      // shared by all groups; the group does not close it
	Key           crypto.PrivKey // the host's: this peer's identity
	Name, Desc    string         // of this peer, for its advertisement
	// Settled is closed when the first attempts to reach anybody have ended: a
	// search waits for it, so that it does not ask nobody. Nil: no waiting.
	Settled <-chan struct{}
	Log     *slog.Logger // nil: discard
}

// Group is one peer group as this peer sees it. Its methods may be called
// concurrently.
type Group struct {
	cfg       Config
	endpoint  *endpoint.Endpoint
	resolver  *resolver.Service
	discovery *discovery.Service
	pipe      *pipe.Service

	ready     chan struct{} // closed when the services are there
	lastSeq   uint64        // of our advertisement
	addresses event.Subscription
	wg        sync.WaitGroup // followAddresses
}

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
		Host: cfg.Host, Group: cfg.Advertisement.GID, Self: self, Met: g.met, Log: log,
	})
	g.resolver = resolver.New(&resolver.Config{Endpoint: g.endpoint, Settled: cfg.Settled, Log: log})
	g.discovery = discovery.New(&discovery.Config{Key: cfg.Key, Endpoint: g.endpoint, Resolver: g.resolver, Log: log})
	g.pipe = pipe.New(&pipe.Config{Endpoint: g.endpoint, Resolver: g.resolver, Discovery: g.discovery, Log: log})
	g.discovery.KeepOwn(self)
	close(g.ready)
	g.wg.Go(g.followAddresses)
	return g, nil
}

// Close releases all that the group has: pipes, streams, goroutines.
func (g *Group) Close() error {
	_ = g.addresses.Close()
	g.wg.Wait()
	_ = g.pipe.Close()
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
	g.discovery.Keep(a, expiration)
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
		g.discovery.KeepOwn(self)
	}
}
