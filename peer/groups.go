package peer

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// What callers of Join and CreateGroup test for.
var (
	// ErrPassword: the group has a password, and none was given.
	ErrPassword = errors.New("this group has a password")
	// ErrInvitation: the group is for those who are invited, and no invitation was given.
	ErrInvitation = errors.New("this group is for those who are invited")
	// ErrGranted: the group is for those whom its admins let in by name.
	ErrGranted = errors.New("this group is for those whom an admin has let in (grant)")
	// ErrAlone: nobody of the group can be reached who could take the invitation.
	ErrAlone = errors.New("no member of the group can be reached, and one has to take the invitation")
	// ErrLeft: the group is not joined.
	ErrLeft = errors.New("not a group that was joined")
	// ErrName: a group cannot be called that.
	ErrName = errors.New("not a name for a group")
)

// refusalPatience is how long another member may take to let us in where one did not.
const refusalPatience = time.Second

// Entry is by what leave this peer joins a group.
type Entry struct {
	Password []byte
	Token    *membership.Token
	// Remember has the peer join again when it starts. What a password has become is kept
	// for that, in a file that only its user can read.
	Remember bool
	Parent   *group.Group // where the group was found; nil: the net group
}

// groups are those of a peer.
type groups struct {
	board *endpoint.Switchboard
	store *store.DB
	far   rendezvous.Finder
	// settled is closed when the first attempts to reach anybody have ended.
	settled <-chan struct{}

	joining lock.Turn // one group is joined or left at a time

	mu    sync.Mutex // guards what follows
	vault *vault
	all   []*group.Group // that were joined, the oldest first, without the net group
}

// Join joins a group, by what is held of it, or by the entry, which may be nil. It returns
// when this peer has found its place in it; one that is the first is its rendezvous.
//
// The error wraps [ErrPassword], [ErrInvitation] or [ErrGranted] if it takes more to be let
// in, [ErrAlone], one of package membership (a wrong password, an invitation that was used
// or has expired, being put out), or the context's.
func (p *Peer) Join(ctx context.Context, a *adv.Signed, e *Entry) (*group.Group, error) {
	doc, ok := a.Advertisement().(*adv.Group)
	if !ok {
		return nil, fmt.Errorf("peer: join %s: %w", a, membership.ErrPolicy)
	}
	if e == nil {
		e = new(Entry)
	}
	g, err := p.join(ctx, a, doc, e)
	if err != nil {
		return nil, fmt.Errorf("peer: join %s: %w", doc.Name, err)
	}
	return g, nil
}

func (p *Peer) join(ctx context.Context, a *adv.Signed, doc *adv.Group, e *Entry) (*group.Group, error) {
	if err := p.groups.joining.LockWithin(ctx); err != nil {
		return nil, err
	}
	defer p.groups.joining.Unlock()
	if g := p.Group(doc.GID); g != nil {
		return g, nil
	}
	var g *group.Group
	var t *ticket
	for {
		var err error
		if t, err = p.ticketFor(ctx, a, doc, e); err != nil {
			return nil, err
		}
		if g, err = p.enter(t, p.parentOf(e.Parent)); err != nil {
			return nil, err
		}
		if err = p.settle(ctx, g, t); err == nil {
			break
		}
		newer := g.Signed()
		if err := errors.Join(err, g.Close()); newer.Seq() <= t.held.signed.Seq() {
			return nil, err
		}
		a = newer // the members know of another password, say
	}
	t.held.Join, t.held.Joined = e.Remember || t.held.Join, true
	if must := t.keep || e.Remember; must || t.held.chain != nil {
		p.groups.mu.Lock()
		err := p.groups.vault.put(&t.held)
		p.groups.mu.Unlock()
		if err != nil && must {
			return nil, errors.Join(fmt.Errorf("keep the credential: %w", err), g.Close())
		}
	}
	p.groups.mu.Lock()
	p.groups.all = append(p.groups.all, g)
	p.groups.mu.Unlock()
	return g, nil
}

// settle waits until a group that was entered shows that it is one: this peer has its
// place, and is let in.
func (p *Peer) settle(ctx context.Context, g *group.Group, t *ticket) error {
	if err := g.Settle(ctx); err != nil {
		return err
	}
	if len(g.Neighbours()) > 0 {
		return nil
	}
	// An invitation is taken by the first member that lets us in. And that one of them did
	// not is its word: another may.
	tick, late := time.NewTicker(50*time.Millisecond), time.After(refusalPatience)
	defer tick.Stop()
	for len(g.Neighbours()) == 0 {
		if _, err := g.Standing(); err != nil {
			return err // proved
		}
		refused := g.Refusal()
		if refused == nil && !t.fresh {
			return nil
		}
		select {
		case <-tick.C:
		case <-late:
			if refused != nil {
				return refused
			}
			late = time.After(refusalPatience)
		case <-ctx.Done():
			return cmp.Or(refused, fmt.Errorf("%w (%w)", ErrAlone, ctx.Err()))
		}
	}
	return nil
}

// enter makes the services of a group.
func (p *Peer) enter(t *ticket, parent *group.Group) (*group.Group, error) {
	doc := t.held.doc()
	gid := doc.GID
	return group.New(&group.Config{
		Advertisement: doc, Host: p.host, Key: p.key, Name: p.cfg.Name, Finder: p.groups.far, Settled: p.groups.settled,
		Role: p.cfg.Role, Limits: p.cfg.Limits, Patience: p.cfg.Patience, Store: p.groups.store, Granted: p.granted,
		Relaying: p.reach.Relaying, Hidden: p.reach.Hidden, Log: p.cfg.Log,
		Membership: &group.Membership{
			Advertisement: t.held.signed, Secret: t.held.Secret, Chain: t.held.chain, Password: t.password,
			Parent: parent, Switchboard: p.groups.board,
			Changed: func(c *membership.Chain, a *adv.Signed, k *membership.PasswordKey) { p.keep(gid, c, a, k) },
		},
	})
}

// keep keeps a newer credential or advertisement of a group, if it is one that is kept.
func (p *Peer) keep(g id.Group, c *membership.Chain, a *adv.Signed, k *membership.PasswordKey) {
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	old := p.groups.vault.all[g]
	if old == nil {
		return
	}
	h := *old
	h.Advertisement, h.signed = a.Envelope(), a
	if c != nil {
		h.Chain, h.chain = c.Bytes(), c
	}
	if k != nil && h.Join {
		h.Password = k.Bytes()
	}
	if err := p.groups.vault.put(&h); err != nil {
		p.cfg.Log.Error("credential not kept", "group", h.doc().Name, "err", err)
	}
}

// Groups returns the groups that this peer is in, the net group first, then in the order
// in which they were joined.
func (p *Peer) Groups() []*group.Group {
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	return append([]*group.Group{p.net}, p.groups.all...)
}

// Group returns the group of that ID if this peer is in it, else nil.
func (p *Peer) Group(v id.Group) *group.Group {
	for _, g := range p.Groups() {
		if g.ID() == v {
			return g
		}
	}
	return nil
}

// Holds reports whether this peer has a credential for a group that is good now: it takes
// no password to join it.
func (p *Peer) Holds(v id.Group) bool {
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	h := p.groups.vault.all[v]
	return h != nil && (h.chain != nil && time.Now().Before(h.chain.Expires()) || h.Password != nil)
}

// RootAuthority returns the authority of a group's root key, which this peer has if it has
// made the group. The error wraps [group.ErrNotRoot], or [membership.ErrPassword] if the
// key is protected by another passphrase.
func (p *Peer) RootAuthority(g *group.Group, passphrase []byte) (*group.Authority, error) {
	p.groups.mu.Lock()
	text, err := p.groups.vault.root(g.ID())
	p.groups.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("peer: %w: it is not here", group.ErrNotRoot)
	}
	if err != nil {
		return nil, fmt.Errorf("peer: %w: %w", ErrKept, err)
	}
	key, err := membership.ParseKey(text, passphrase)
	if err != nil {
		return nil, fmt.Errorf("peer: root key of %s: %w", g.Name(), err)
	}
	return g.RootAuthority(key)
}

func (p *Peer) parentOf(g *group.Group) *group.Group {
	if g == nil {
		return p.net
	}
	return g
}

func (p *Peer) public() ed25519.PublicKey {
	raw, err := p.key.GetPublic().Raw()
	if err != nil {
		panic(err) // it is Ed25519
	}
	return raw
}
