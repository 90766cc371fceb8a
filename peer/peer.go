package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/peer/internal/reach"
	"github.com/juxta-p2p/juxta/resolver"
)

// storeFile is where in the directory of a peer its caches are.
const storeFile = "cache.db"

// Peer is a running peer. Its methods may be called concurrently.
type Peer struct {
	cfg    Config
	host   host.Host
	reach  *reach.Reach
	key    crypto.PrivKey
	net    *group.Group
	up     chan struct{} // closed when net is there
	groups groups
	closer []io.Closer // in the order in which they were opened
	// relayMode is the last that was set, if any was.
	relayMode atomic.Value

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // the seeds' and mDNS's goroutines

	closing sync.Once
	err     error // of Close
}

// Start starts a peer. It returns when the peer listens and is a member of the
// net group; the seeds are connected to meanwhile, and whoever searches waits
// for the first attempts. The context bounds the start alone.
//
// Errors wrap [ErrConfig], [ErrBusy], [ErrIdentity], or are those of the disk and
// the network.
func Start(ctx context.Context, cfg *Config) (*Peer, error) {
	c, seeds, err := cfg.complete()
	if err != nil {
		return nil, fmt.Errorf("peer: start: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("peer: start %s: %w", c.Name, err)
	}
	p := &Peer{cfg: c, up: make(chan struct{}), groups: groups{joining: lock.NewTurn()}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	if err = p.start(ctx, seeds); err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("peer: start %s: %w", c.Name, err)
	}
	return p, nil
}

func (p *Peer) start(ctx context.Context, seeds []hostid.AddrInfo) error {
	key, err := p.openIdentity()
	if err != nil {
		return err
	}
	p.key = key
	if p.groups.vault, err = openVault(p.cfg.Dir); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	p.reach = p.newReach()
	if p.host, err = newHost(&p.cfg, key, p.reach); err != nil {
		return errors.Join(err, p.reach.Close())
	}
	p.closer = append(p.closer, p.host, p.reach)
	p.groups.board = endpoint.NewSwitchboard(p.host)
	p.closer = append(p.closer, p.groups.board)
	settled := make(chan struct{})
	cfg := &group.Config{
		Advertisement: &adv.Group{GID: id.Net, MSID: id.SpecStdGroup, Name: "NetPeerGroup"},
		Host:          p.host, Key: key, Name: p.cfg.Name, Settled: settled,
		Role: p.cfg.Role, Limits: p.cfg.Limits, Patience: p.cfg.Patience, Granted: p.granted,
		Relaying: p.reach.Relaying, Hidden: p.reach.Hidden, Log: p.cfg.Log,
	}
	if !p.cfg.NoDHT {
		f := newFinder(p.host, p.cfg.Log, func() []hostid.AddrInfo { return seeds })
		p.closer = append(p.closer, f)
		cfg.Finder = newAnnouncer(f)
		p.groups.far = cfg.Finder
	}
	if cfg.Store, err = p.openStore(); err != nil {
		return err
	}
	if p.net, err = group.New(cfg); err != nil {
		return err
	}
	p.closer = append(p.closer, p.net, closerFunc(p.leaveAll))
	p.groups.store, p.groups.settled = cfg.Store, settled
	p.net.Resolver().Handle(situationHandler, resolver.HandlerFunc(p.serveSituation))
	close(p.up)
	p.meet(seeds, settled)
	p.rejoin()
	return nil
}

// openStore opens the file that keeps what was published, and the cache; nil if there
// is no directory.
func (p *Peer) openStore() (*store.DB, error) {
	if p.cfg.Dir == "" {
		return nil, nil
	}
	db, err := store.Open(filepath.Join(p.cfg.Dir, storeFile), p.cfg.Log)
	if err != nil {
		return nil, err
	}
	p.closer = append(p.closer, db)
	return db, nil
}

// openIdentity reads the key from the directory, which it locks, or draws one.
func (p *Peer) openIdentity() (crypto.PrivKey, error) {
	if p.cfg.Dir == "" {
		return newIdentity()
	}
	lock, err := lockDir(p.cfg.Dir)
	if err != nil {
		return nil, err
	}
	p.closer = append(p.closer, lock)
	return identity(p.cfg.Dir)
}

// Close stops the peer: it flushes and closes its pipes, closes its connections,
// and returns when every goroutine has ended.
func (p *Peer) Close() error {
	p.closing.Do(func() {
		p.cancel()
		p.wg.Wait()
		var errs []error
		for i := len(p.closer) - 1; i >= 0; i-- {
			errs = append(errs, p.closer[i].Close())
		}
		if err := errors.Join(errs...); err != nil {
			p.err = fmt.Errorf("peer: close: %w", err)
		}
	})
	return p.err
}

// ID returns the peer's ID.
func (p *Peer) ID() id.Peer { return p.net.Self().Signer() }

// HostID returns the libp2p ID of the peer, which its addresses end with.
func (p *Peer) HostID() string { return p.host.ID().String() }

// Name returns the name that the peer shows to people.
func (p *Peer) Name() string { return p.cfg.Name }

// Dir returns the peer's directory, "" if it has none.
func (p *Peer) Dir() string { return p.cfg.Dir }

// Addrs returns the multiaddrs at which the peer can be reached, with its libp2p
// ID at their end: any of them may be another peer's seed.
func (p *Peer) Addrs() []string {
	if len(p.host.Addrs()) == 0 {
		return nil // and not the ID alone
	}
	addrs, err := hostid.AddrInfoToP2pAddrs(&hostid.AddrInfo{ID: p.host.ID(), Addrs: p.host.Addrs()})
	if err != nil {
		return nil // cannot be: our own ID is one
	}
	all := make([]string, len(addrs))
	for i, a := range addrs {
		all[i] = a.String()
	}
	return all
}

// Net returns the net group, of which every peer is a member.
func (p *Peer) Net() *group.Group { return p.net }
