package group

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"iter"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	// beaconType is the document by which a rendezvous of a group says so in the parent
	// group. Of a closed group it has a pseudonym that only members know.
	beaconType       = "jxta:Beacon"
	beaconExpiration = 2 * time.Minute
	beaconTimeout    = 5 * time.Second // for one to be put up or taken down
	farPatience      = 3 * time.Second // for the hash table to know a rendezvous
)

// beacons are how the members of a group find its rendezvous: by what these publish in the
// parent group, and then in the hash table. They put the group's advertisement there, too,
// as long as there is a rendezvous, whoever made the group.
type beacons struct {
	parent *Group
	far    rendezvous.Finder // nil: there is none
	group  func() *adv.Signed
	listed func() bool
	secret []byte             // of the group; nil if it is open
	out    func(id.Peer) bool // reports whether a peer was put out
	// announced is called when others can find us, who may have come at the same time.
	announced func()
	ctx       context.Context // ends with close
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	on     bool          // we are a rendezvous
	tried  chan struct{} // closed when what was asked for last has been tried
	put    *adv.Signed   // what we have published; guarded by turn, too

	turn lock.Turn // one change of what is published at a time
}

func newBeacons(g *Group) *beacons {
	b := &beacons{
		parent: g.cfg.Membership.Parent, far: g.cfg.Finder, group: g.door.advertisement, listed: g.listed, secret: g.secret, out: g.door.revoked, turn: lock.NewTurn(), announced: func() {
			if <-g.ready; g.pipe != nil {
				g.rendezvous.Look()
			}
		}, tried: make(chan struct{}),
	}
	close(b.tried) // nothing was asked for
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// FindRendezvous implements rendezvous.Finder.
func (b *beacons) FindRendezvous(ctx context.Context, g id.Group, n int) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		had := map[peer.ID]bool{}
		q := discovery.Query{Kind: beaconType, Attr: "Group", Value: g.String()}
		for a, err := range b.parent.discovery.Search(ctx, q) {
			if err != nil || had[a.Host()] || !b.good(a) || len(had) >= n {
				continue
			}
			info, ok := b.where(ctx, a)
			if !ok {
				continue
			}
			if had[a.Host()] = true; !yield(info) {
				return
			}
		}
		if b.far == nil {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, farPatience)
		defer cancel()
		for info := range b.far.FindRendezvous(ctx, g, n) {
			if !had[info.ID] && !yield(info) {
				return
			}
		}
	}
}

// good reports whether a beacon is a member's: in a closed group strangers see what it is
// called, and could have newcomers come to them.
func (b *beacons) good(a *adv.Signed) bool {
	if b.secret == nil {
		return true
	}
	doc, ok := a.Advertisement().(*adv.Document)
	proof := membership.BeaconProof(b.secret, []byte(a.Host()))
	return ok && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(proof[:])), []byte(doc.Element().Value("Proof"))) == 1 &&
		!b.out(a.Signer())
}

// document is our beacon.
func (b *beacons) document(g id.Group) *adv.Document {
	own := append(g.Bytes(), b.parent.Self().Signer().Bytes()...)
	d := &adv.Document{Name: beaconType, Children: []*adv.Element{
		{Name: "Id", Text: id.CodatOf(id.Net, own).String()},
		{Name: "Group", Text: g.String()},
	}}
	if b.secret != nil {
		proof := membership.BeaconProof(b.secret, []byte(b.parent.cfg.Host.ID()))
		d.Children = append(d.Children, &adv.Element{Name: "Proof", Text: hex.EncodeToString(proof[:])})
	}
	return d
}

// where says where the peer is that has signed a beacon: as it says itself in the parent
// group.
func (b *beacons) where(ctx context.Context, a *adv.Signed) (peer.AddrInfo, bool) {
	info := peer.AddrInfo{ID: a.Host()}
	p, err := b.parent.FindPeer(ctx, a.Signer().String())
	if err != nil {
		return info, false
	}
	if doc, ok := p.Advertisement().(*adv.Peer); ok {
		for _, s := range doc.Route.Addrs {
			if m, err := ma.NewMultiaddr(s); err == nil {
				info.Addrs = append(info.Addrs, m)
			}
		}
	}
	return info, true
}

// Announce implements rendezvous.Finder. It does not wait; what was asked for last counts.
func (b *beacons) Announce(g id.Group, on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.on = on
	if b.far != nil {
		b.far.Announce(g, on)
	}
	tried := make(chan struct{})
	b.tried = tried
	b.wg.Go(func() {
		defer close(tried)
		b.set(g)
	})
}

// settle waits until what is to be published has been, or could not be.
func (b *beacons) settle(ctx context.Context) error {
	b.mu.Lock()
	tried := b.tried
	b.mu.Unlock()
	select {
	case <-tried:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-b.ctx.Done():
		return net.ErrClosed
	}
}

// set publishes what is to be published now.
func (b *beacons) set(g id.Group) {
	b.turn.Lock()
	defer b.turn.Unlock()
	b.mu.Lock()
	on := b.on
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.ctx, beaconTimeout)
	defer cancel()
	switch {
	case on && b.put == nil:
		signed, err := adv.Sign(b.parent.cfg.Key, b.document(g), uint64(time.Now().UnixMilli()))
		if err == nil {
			b.put = signed
			err = b.parent.rendezvous.Publish(ctx, signed, adv.DefaultLifetime, beaconExpiration)
		}
		if err != nil {
			b.parent.cfg.Log.Info("rendezvous of a group not announced in its parent yet", "err", err)
		}
		b.publishGroup(ctx)
		b.announced()
	case !on && b.put != nil:
		w, err := adv.Withdraw(b.parent.cfg.Key, b.put.Advertisement(), max(b.put.Seq()+1, uint64(time.Now().UnixMilli())))
		if err == nil {
			_ = b.parent.rendezvous.Retract(ctx, w)
		}
		b.put = nil
	}
}

// publishGroup puts the group's advertisement into the parent group, if it is to be found.
// Who does that of a closed group shows its rendezvous in the parent that the beacon is of
// this group; so it is done only if nobody else has.
func (b *beacons) publishGroup(ctx context.Context) {
	if !b.listed() || b.secret != nil && b.published(ctx) {
		return
	}
	if err := b.parent.rendezvous.Publish(ctx, b.group(), adv.DefaultLifetime, adv.DefaultExpiration); err != nil {
		b.parent.cfg.Log.Info("group not published in its parent yet", "err", err)
	}
}

// published reports whether the parent's index has the group's advertisement, as new as
// ours.
func (b *beacons) published(ctx context.Context) bool {
	own := b.group()
	q := discovery.Query{Kind: adv.KindGroup, Attr: "GID", Value: own.Advertisement().ID().String()}
	for f, err := range b.parent.discovery.Explain(ctx, q, nil) {
		if err == nil && f.Signed.Signer() == own.Signer() && f.Signed.Seq() >= own.Seq() {
			return true
		}
	}
	return false
}

// readvertise publishes the group's advertisement anew, if we do that.
func (b *beacons) readvertise() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || !b.on {
		return
	}
	b.wg.Go(func() {
		ctx, cancel := context.WithTimeout(b.ctx, beaconTimeout)
		defer cancel()
		b.publishGroup(ctx)
	})
}

// close returns when nothing is under way any more. The rendezvous service has taken the
// beacon down before.
func (b *beacons) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wg.Wait()
	b.cancel()
}
