package peer

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

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

// NewGroup says what group to make.
type NewGroup struct {
	Name     string // 1 to 64 bytes, as a peer's
	Desc     string
	Method   membership.Method // default: membership.Open
	Password []byte            // of the method Password: at least 8 bytes
	// Passphrase protects the root key on disk. Nil: it lies there in clear, in a file that
	// only its user can read.
	Passphrase []byte
	// Unlisted keeps it out of the parent group: it is found by invitation alone.
	Unlisted bool
	Parent   *group.Group // where it is published; nil: the net group
}

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

// CreateGroup makes a group: a root key, which is kept in the peer's directory, and an
// advertisement, which is published in the parent group unless that is not wanted. This
// peer is its first admin; it has not joined it yet. The errors are those of the disk and
// of publishing, or wrap [ErrName], [ErrPassword] or one of package membership.
func (p *Peer) CreateGroup(ctx context.Context, n *NewGroup) (*adv.Signed, error) {
	a, err := p.createGroup(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("peer: make the group %q: %w", n.Name, err)
	}
	return a, nil
}

func (p *Peer) createGroup(ctx context.Context, n *NewGroup) (*adv.Signed, error) {
	if CheckName(n.Name) != nil {
		return nil, fmt.Errorf("%w: 1 to 64 bytes are wanted, all printable, without / * ?, and without spaces at the ends", ErrName)
	}
	public, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, id.NonceLen)
	_, _ = rand.Read(nonce) // does not fail
	doc := &adv.Group{
		GID: id.GroupOf(public, n.Name, nonce), MSID: id.SpecStdGroup, Name: n.Name, Desc: n.Desc, RootKey: public, Nonce: nonce,
	}
	h := &held{Parent: p.parentOf(n.Parent).ID().String(), Made: true}
	if err := n.policy(doc, h); err != nil {
		return nil, err
	}
	if h.chain, err = (&membership.Issuer{Key: root, Group: doc.GID}).
		Grant(p.public(), membership.Admin, time.Now(), membership.MaxLife); err != nil {
		return nil, err
	}
	h.Chain = h.chain.Bytes()
	signer, err := crypto.UnmarshalEd25519PrivateKey(root)
	if err != nil {
		return nil, err
	}
	if h.signed, err = adv.Sign(signer, doc, uint64(time.Now().UnixMilli())); err != nil {
		return nil, err
	}
	h.Advertisement = h.signed.Envelope()
	text, err := membership.MarshalKey(root, n.Passphrase)
	if err != nil {
		return nil, err
	}
	p.groups.mu.Lock()
	if err = p.groups.vault.putRoot(doc.GID, text); err == nil {
		err = p.groups.vault.put(h)
	}
	p.groups.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if n.Unlisted {
		return h.signed, nil
	}
	return h.signed, p.parentOf(n.Parent).Discovery().PublishSigned(ctx, h.signed, 0, 0)
}

// policy fills in how one becomes a member.
func (n *NewGroup) policy(doc *adv.Group, h *held) error {
	policy := &membership.Policy{Group: doc.GID, Root: doc.RootKey, Method: n.Method}
	if policy.Method == "" {
		policy.Method = membership.Open
	}
	if policy.Method != membership.Open {
		h.Secret = membership.NewSecret()
		policy.Marker = membership.MarkerOf(h.Secret)
	}
	switch {
	case policy.Method == membership.Password && len(n.Password) < group.MinPassword:
		return fmt.Errorf("%w: of %d characters at least", ErrPassword, group.MinPassword)
	case policy.Method == membership.Password:
		key := membership.StretchPassword(doc.GID, n.Password, membership.DefaultKDF)
		policy.Pass = &membership.Passphrase{Key: key.Public(), Role: membership.Member, Sealed: key.Seal(h.Secret), KDF: membership.DefaultKDF}
	}
	doc.Membership = policy.Elements()
	if n.Unlisted {
		group.Unlist(doc)
	}
	_, err := membership.PolicyOf(doc)
	return err
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
	if t.keep || e.Remember {
		p.groups.mu.Lock()
		err := p.groups.vault.put(&t.held)
		p.groups.mu.Unlock()
		if err != nil {
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
		Role: p.cfg.Role, Limits: p.cfg.Limits, Patience: p.cfg.Patience, Store: p.groups.store, Granted: p.granted, Log: p.cfg.Log,
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

// Leave leaves a group, and before that those that were found in it. It is not joined
// again when the peer starts; forget also drops what is held of it, but for a root key. The
// error wraps [ErrLeft].
func (p *Peer) Leave(g *group.Group, forget bool) error {
	p.groups.joining.Lock()
	defer p.groups.joining.Unlock()
	if err := p.leave(g, forget); err != nil {
		return fmt.Errorf("peer: leave %s: %w", g.Name(), err)
	}
	return nil
}

func (p *Peer) leave(g *group.Group, forget bool) error {
	for _, child := range p.Groups() {
		if child.Parent() == g {
			if err := p.leave(child, false); err != nil {
				return err
			}
		}
	}
	p.groups.mu.Lock()
	i := slices.Index(p.groups.all, g)
	var err error
	if i < 0 {
		err = ErrLeft
	} else {
		p.groups.all = slices.Delete(p.groups.all, i, i+1)
		err = p.forget(g.ID(), forget)
	}
	p.groups.mu.Unlock()
	if i < 0 {
		return err
	}
	err = errors.Join(err, g.Close())
	if forget {
		err = errors.Join(err, group.Erase(p.groups.store, g.ID()))
	}
	return err
}

// forget has a group not be joined again. The caller has the groups' lock.
func (p *Peer) forget(g id.Group, all bool) error {
	old := p.groups.vault.all[g]
	switch {
	case old == nil:
		return nil
	case all:
		return p.groups.vault.drop(g)
	}
	h := *old
	h.Join, h.Password = false, nil
	return p.groups.vault.put(&h)
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

// leaveAll closes the groups, those first that were joined last.
func (p *Peer) leaveAll() error {
	p.groups.joining.Lock()
	defer p.groups.joining.Unlock()
	p.groups.mu.Lock()
	all := p.groups.all
	p.groups.all = nil
	p.groups.mu.Unlock()
	var errs []error
	for i := len(all) - 1; i >= 0; i-- {
		errs = append(errs, all[i].Close())
	}
	return errors.Join(errs...)
}
