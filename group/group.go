package group

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// Group is one peer group as this peer sees it. Its methods may be called
// concurrently.
type Group struct {
	cfg        Config
	raw        ed25519.PrivateKey // of this peer
	secret     []byte             // of the group; nil if it is open
	endpoint   *endpoint.Endpoint
	rendezvous *rendezvous.Service
	resolver   *resolver.Service
	discovery  *discovery.Service
	pipe       *pipe.Service
	presence   *presence
	door       *door   // nil: everybody is a member; and so are the next four
	keeper     *keeper // what this peer has to act on,
	teller     *keeper // and what others have to be told
	sync       *ledgerSync
	finder     *beacons

	ready      chan struct{} // closed when the services are there
	renewable  chan struct{} // cap 1: a credential may be had
	altered    chan struct{} // cap 1: what our advertisement says of us
	addresses  event.Subscription
	ctx        context.Context // ends when Close begins
	cancel     context.CancelFunc
	wg         sync.WaitGroup // followAddresses, and what keeps the membership
	background                // goroutines that end with ctx

	mu      sync.Mutex // guards what follows
	lastSeq uint64     // of our advertisement
	pass    *membership.PasswordKey
}

// background begins goroutines until it is closed.
type background struct {
	starting sync.Mutex
	over     bool
}

// New makes the services of a group, and publishes this peer's advertisement in
// it.
func New(cfg *Config) (*Group, error) {
	g, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	return g, nil
}

func open(cfg *Config) (g *Group, err error) {
	g = &Group{cfg: *cfg, ready: make(chan struct{}), renewable: make(chan struct{}, 1), altered: make(chan struct{}, 1)}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	if g.cfg.Log == nil {
		g.cfg.Log = slog.New(slog.DiscardHandler)
	}
	g.cfg.Log = g.cfg.Log.With("group", cfg.Advertisement.Name)
	raw, err := cfg.Key.Raw()
	if err != nil {
		return nil, err
	}
	g.raw = raw
	if cfg.Membership != nil {
		if err := g.openDoor(); err != nil {
			return nil, err
		}
	}
	self, err := g.sign()
	if err != nil {
		return nil, err
	}
	g.addresses, err = cfg.Host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		return nil, err
	}
	if err := g.openServices(self); err != nil {
		close(g.ready)
		return nil, errors.Join(err, g.addresses.Close(), g.rendezvous.Close(), g.endpoint.Close())
	}
	g.discovery.KeepOwn(self, selfExpiration)
	close(g.ready)
	g.wg.Go(g.followAddresses)
	if g.door != nil {
		g.begin(g.keep)
		g.begin(g.tellAll)
		g.begin(g.sync.run)
		g.begin(g.tend)
		g.begin(g.presence.run)
	}
	return g, nil
}

// openDoor prepares what decides who is in the group.
func (g *Group) openDoor() error {
	m := g.cfg.Membership
	g.secret, g.pass, g.keeper, g.teller = m.Secret, m.Password, newKeeper(), newKeeper()
	var err error
	if g.door, err = newDoor(m, g.public(), g.cfg.Store, g.cfg.Log); err != nil {
		return err
	}
	g.door.changed = func(records []*membership.Record) { g.keeper.add(records, false) }
	g.finder = newBeacons(g)
	return nil
}

// openServices makes the services, from below.
func (g *Group) openServices(self *adv.Signed) (err error) {
	cfg, log := &g.cfg, g.cfg.Log
	ec := &endpoint.Config{
		Host: cfg.Host, Group: cfg.Advertisement.GID, Self: self, Secret: g.secret,
		Met: g.met, Gone: g.gone, Refused: g.hearRefusal, Expelled: g.expelled, Log: log,
	}
	rc := &rendezvous.Config{
		Key: cfg.Key, Name: cfg.Name, Role: cfg.Role, Finder: cfg.Finder, Hidden: cfg.Hidden, Settled: cfg.Settled, Limits: cfg.Limits, Log: log,
	}
	if g.door != nil {
		ec.Admission, ec.Switchboard = g.door, cfg.Membership.Switchboard
		rc.Cipher, rc.Finder, rc.Vet = g.door.keys, g.finder, g.door.Vet
		if g.secret != nil {
			rc.Beacon = membership.Pseudonym(g.secret)
		}
		if g.door.Barred(self.Signer()) != nil {
			rc.Role = rendezvous.Edge // a guest keeps nothing for others
		}
	}
	g.endpoint = endpoint.New(ec)
	rc.Endpoint = g.endpoint
	if g.door != nil {
		g.sync = newLedgerSync(g.endpoint, g.door, g.synced)
	}
	g.rendezvous = rendezvous.New(rc)
	g.resolver = resolver.New(&resolver.Config{Endpoint: g.endpoint, Rendezvous: g.rendezvous, Log: log})
	g.discovery, err = discovery.New(&discovery.Config{
		Key: cfg.Key, Endpoint: g.endpoint, Rendezvous: g.rendezvous, Resolver: g.resolver, Store: cfg.Store, Vet: rc.Vet, Log: log,
	})
	if err != nil {
		return err
	}
	g.pipe = pipe.New(&pipe.Config{
		Endpoint: g.endpoint, Rendezvous: g.rendezvous, Resolver: g.resolver, Discovery: g.discovery,
		Patience: cfg.Patience, Log: log,
	})
	events, vet := newEvents(), rc.Vet
	if g.door != nil {
		events = g.door.events
		g.resolver.Handle(renewHandler, resolver.HandlerFunc(g.serveRenewal))
	}
	g.presence = newPresence(g.endpoint, g.rendezvous, g.resolver, vet, events, log)
	if g.door != nil {
		g.presence.role = g.door.roleOf
	}
	g.resolver.Handle(grantHandler, resolver.HandlerFunc(g.serveGrant))
	return nil
}

// begin runs f until the group is closed, unless it is being closed.
func (g *Group) begin(f func(context.Context)) {
	g.starting.Lock()
	defer g.starting.Unlock()
	if !g.over {
		g.wg.Go(func() { f(g.ctx) })
	}
}

// Close leaves: it tells the others, and releases all that the group has: pipes, streams,
// goroutines.
func (g *Group) Close() error {
	if g.door != nil && g.ctx.Err() == nil {
		g.presence.bye()
	}
	g.starting.Lock()
	g.over = true
	g.starting.Unlock()
	g.cancel()
	_ = g.addresses.Close()
	g.wg.Wait()
	_ = g.pipe.Close()
	_ = g.rendezvous.Close()
	if g.door != nil {
		g.finder.close()
		g.door.close()
	}
	return g.endpoint.Close()
}

// Erase removes what a store, which may be nil, has of a group that is not open: its cache,
// and its ledger.
func Erase(db *store.DB, g id.Group) error {
	if db == nil {
		return nil
	}
	var errs []error
	for _, name := range []string{ledgerBucket(g), discovery.Bucket(g)} {
		b := db.Bucket(name)
		errs = append(errs, b.Each(func(key, _ []byte) error { return b.Delete(key) }))
	}
	return errors.Join(errs...)
}

// Settle waits until this peer has found its place in the group, and those who come later
// can find it there, or has seen that there is none to be had. The error is the context's,
// or net.ErrClosed.
func (g *Group) Settle(ctx context.Context) error {
	if err := g.rendezvous.Settle(ctx); err != nil || g.finder == nil {
		return err
	}
	return g.finder.settle(ctx)
}

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
