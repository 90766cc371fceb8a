package group

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
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
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

// Config is what a group is made of.
type Config struct {
	Advertisement *adv.Group
	// Membership says by what leave this peer is in the group, and how others are let in.
	// Nil: everybody is in it, as in the net group.
	Membership *Membership
	Host       host.Host      // shared by all groups; the group does not close it
	Key        crypto.PrivKey // the host's: this peer's identity
	Name, Desc string         // of this peer, for its advertisement
	// Settled is closed when the first attempts to reach anybody have ended: before
	// that a peer does not take itself for alone. Nil: they have ended.
	Settled <-chan struct{}
	Role    rendezvous.Role   // in this group; empty: rendezvous.Auto
	Finder  rendezvous.Finder // of rendezvous that nobody near knows; nil: there is none
	Limits  rendezvous.Limits // as a rendezvous
	// Patience is how long pipes outlive the way to the other end; 0: 30 s.
	Patience time.Duration
	// Store keeps what was published, and the cache, over a restart; and who was put out.
	// Nil: it ends with the group.
	Store *store.DB
	// Granted is called when a peer of the group, whoever it is, hands us a credential, of
	// this group or another, that is good for us. The error is told to it. Nil: none is
	// taken.
	Granted func(from id.Peer, a *adv.Signed, h *membership.Invitation) error
	Log     *slog.Logger // nil: discard
}

// Membership is by what leave a peer is in a group.
type Membership struct {
	Advertisement *adv.Signed // of the group, by its root
	// Secret is what its members know one another by; nil if the group is open.
	Secret []byte
	Chain  *membership.Chain // this peer's credential; nil in an open group
	// Password renews the credential; nil: admins do.
	Password    *membership.PasswordKey
	Parent      *Group                // where the group's advertisement is, and its rendezvous are found
	Switchboard *endpoint.Switchboard // of the host
	// Changed is called when what is to be kept of all this is another. It must not wait.
	Changed func(c *membership.Chain, a *adv.Signed, p *membership.PasswordKey)
}

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

// selfExpiration is how long a peer that has died without a word can be found yet.
const selfExpiration = 10 * time.Minute

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
	g = &Group{cfg: *cfg, ready: make(chan struct{}), renewable: make(chan struct{}, 1)}
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
		Key: cfg.Key, Name: cfg.Name, Role: cfg.Role, Finder: cfg.Finder, Settled: cfg.Settled, Limits: cfg.Limits, Log: log,
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

// ID returns the group's ID.
func (g *Group) ID() id.Group { return g.cfg.Advertisement.GID }

// Name returns the group's name.
func (g *Group) Name() string { return g.cfg.Advertisement.Name }

// Advertisement returns the group's advertisement.
func (g *Group) Advertisement() *adv.Group {
	if g.door == nil {
		return g.cfg.Advertisement
	}
	return g.door.advertisement().Advertisement().(*adv.Group)
}

// Signed returns the group's advertisement as its root has signed it, the newest version
// that is known; nil for the net group.
func (g *Group) Signed() *adv.Signed {
	if g.door == nil {
		return nil
	}
	return g.door.advertisement()
}

// Parent returns the group in which this one is published; nil for the net group.
func (g *Group) Parent() *Group {
	if g.door == nil {
		return nil
	}
	return g.parent()
}

func (g *Group) parent() *Group { return g.cfg.Membership.Parent }

// unlisted is the parameter of a group that its members do not publish.
const unlisted = "Unlisted"

// listed reports whether the group is to be found in its parent.
func (g *Group) listed() bool { return Listed(g.Advertisement()) }

// Listed reports whether the members of a group publish it in its parent.
func Listed(a *adv.Group) bool {
	for _, e := range a.Membership {
		if e != nil && e.Name == unlisted && e.Text == "true" {
			return false
		}
	}
	return true
}

// Unlist has the members of a group that is about to be made not publish it.
func Unlist(a *adv.Group) {
	a.Membership = append(a.Membership, &adv.Element{Name: unlisted, Text: "true"})
}

// Standing returns what this peer is in the group, and until when. The error is one of
// package membership: it is not a member any more, or was never let in.
func (g *Group) Standing() (*membership.Standing, error) {
	if g.door == nil {
		return &membership.Standing{Role: membership.Member}, nil
	}
	st, err := g.door.standing()
	if err != nil {
		return nil, fmt.Errorf("group: %w", err)
	}
	return st, nil
}

// Policy returns how one becomes a member; nil for the net group.
func (g *Group) Policy() *membership.Policy {
	if g.door == nil {
		return nil
	}
	return g.door.policyNow()
}

// Refusal returns why a member has not let this peer in, as the last of them said; nil if
// none did.
func (g *Group) Refusal() error {
	if g.door == nil {
		return nil
	}
	return g.door.refusal()
}

// Watch returns what happens in the group while the loop runs: it ends with the context or
// the group. Who is slow loses the oldest. Of the net group nothing is told.
func (g *Group) Watch(ctx context.Context) iter.Seq[Event] {
	if g.door == nil {
		return newEvents().watch(ctx, nil)
	}
	return g.door.events.watch(ctx, nil)
}

// Stats is what the group has carried and decided since it was joined.
type Stats struct {
	endpoint.Stats
	Reasons    map[string]uint64 // of refusals of who wanted to be let in
	Present    int               // members that are there, as far as is known
	Known      int               // members that are known
	Revoked    int               // revocations that hold
	Epoch      string            // of what is sealed; "" before the first revocation
	Propagated rendezvous.Traffic
}

// Stats returns the counts as they are now.
func (g *Group) Stats() Stats {
	st := Stats{Stats: g.endpoint.Stats(), Propagated: g.rendezvous.Status().Traffic, Reasons: map[string]uint64{}}
	there, _ := g.presence.list()
	st.Present = len(there)
	if g.door != nil {
		g.door.stats(&st)
	}
	return st
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

// met is called for each peer that comes near: the first of them while New is
// still at it.
func (g *Group) met(a *adv.Signed, expiration time.Duration) {
	<-g.ready
	if g.discovery != nil {
		g.discovery.Keep(a, expiration)
	}
	g.rendezvous.Met(a)
	if g.door != nil {
		g.presence.met(a)
		g.begin(func(ctx context.Context) { g.sync.met(ctx, a.Signer()) })
		g.renewSoon()
	}
}

// renewSoon looks whether there is an admin now who may renew our credential.
func (g *Group) renewSoon() {
	select {
	case g.renewable <- struct{}{}:
	default:
	}
}

// gone is called for each peer that is connected no longer.
func (g *Group) gone(who id.Peer) {
	<-g.ready
	g.rendezvous.Gone(who)
	if g.door != nil && g.presence != nil {
		g.begin(func(ctx context.Context) { g.presence.lost(ctx, who) })
	}
}

// expelled is called for each neighbour that was put out.
func (g *Group) expelled(who id.Peer) {
	<-g.ready
	if g.pipe != nil {
		g.pipe.Expel(who)
	}
}

// hearRefusal is called when a peer does not let us in.
func (g *Group) hearRefusal(by peer.ID, why error, evidence []byte) {
	if g.door == nil {
		return
	}
	g.cfg.Log.Info("not let in", "by", by, "reason", why)
	if who, ok := ParsePeer(by.String()); ok {
		g.begin(func(context.Context) { g.expelled(who) })
	}
	out, newer := g.door.hearRefusal(why, evidence)
	if newer {
		g.readvertised()
	}
	if out {
		g.begin(func(context.Context) { g.out(why) })
	}
}

// out is called when this peer is not a member any more: it keeps nothing for others.
func (g *Group) out(why error) {
	if <-g.ready; g.pipe == nil {
		return
	}
	g.door.events.tell(Event{Kind: Out, Peer: g.Self().Signer(), Reason: why.Error()})
	g.pipe.Expel(id.Peer{})
	if err := g.rendezvous.SetRole(rendezvous.Edge); err != nil {
		g.cfg.Log.Debug("no edge after being put out", "err", err)
	}
}

// synced is called when a member has told us of keys, or of a newer advertisement.
func (g *Group) synced(newer bool) { g.keeper.add(nil, newer) }

func (g *Group) public() ed25519.PublicKey { return g.raw.Public().(ed25519.PublicKey) }

func (g *Group) password() *membership.PasswordKey {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pass
}

// usePassword has our credential renewed with another password.
func (g *Group) usePassword(p *membership.PasswordKey) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.pass = p
}

// Login takes another credential of this peer: one that a password has made renews itself
// with that. The error is one of package membership.
func (g *Group) Login(c *membership.Chain, p *membership.PasswordKey) error {
	if g.door == nil {
		return fmt.Errorf("group: log in: %w", membership.ErrForeign)
	}
	err := g.door.policyNow().Check(c, g.public(), time.Now())
	if err == nil {
		if p != nil {
			g.usePassword(p)
		}
		err = g.accept(c)
	}
	if err != nil {
		return fmt.Errorf("group: log in: %w", err)
	}
	return nil
}

// sign makes this peer's advertisement as things are now: a newer version than
// the one before also in the same millisecond.
func (g *Group) sign() (*adv.Signed, error) {
	a := &adv.Peer{
		PID: id.PeerOf(id.Net, g.public()), GID: g.cfg.Advertisement.GID, Name: g.cfg.Name, Desc: g.cfg.Desc,
		Route: adv.Route{Host: g.cfg.Host.ID()},
	}
	for _, m := range g.cfg.Host.Addrs() {
		a.Route.Addrs = append(a.Route.Addrs, m.String())
	}
	if g.door != nil {
		if c := g.door.credential(); c != nil {
			a.Credential = c.Bytes()
		}
	}
	g.mu.Lock()
	g.lastSeq = max(g.lastSeq+1, uint64(time.Now().UnixMilli()))
	seq := g.lastSeq
	g.mu.Unlock()
	return adv.Sign(g.cfg.Key, a, seq)
}

// introduce shows all what this peer's advertisement is now.
func (g *Group) introduce() error {
	self, err := g.sign()
	if err != nil {
		return err
	}
	g.endpoint.Introduce(self)
	g.discovery.KeepOwn(self, selfExpiration)
	if g.door != nil {
		g.presence.say()
	}
	return nil
}

// followAddresses introduces us anew whenever our addresses change.
func (g *Group) followAddresses() {
	for range g.addresses.Out() {
		if err := g.introduce(); err != nil {
			g.cfg.Log.Error("own advertisement not signed", "err", err)
		}
	}
}
