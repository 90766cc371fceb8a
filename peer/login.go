package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// Login has this peer authenticate anew in a group that it has joined, without leaving it:
// by the password, after that was changed, or by an invitation, to another role say. What
// it was before it stays if that fails. The entry says by what, as for [Peer.Join]; its
// Parent does not count.
//
// The error wraps [ErrLeft], [ErrPassword] or [ErrInvitation] if the entry has not what it
// takes, or is one of those of [Peer.Join].
func (p *Peer) Login(ctx context.Context, g *group.Group, e *Entry) error {
	if e == nil {
		e = new(Entry)
	}
	if err := p.login(ctx, g, e); err != nil {
		return fmt.Errorf("peer: log in to %s: %w", g.Name(), err)
	}
	return nil
}

func (p *Peer) login(ctx context.Context, g *group.Group, e *Entry) error {
	p.groups.joining.Lock()
	defer p.groups.joining.Unlock()
	policy := g.Policy()
	switch {
	case p.Group(g.ID()) != g:
		return ErrLeft
	case policy == nil:
		return fmt.Errorf("%w: everybody is in it", membership.ErrPolicy)
	case e.Token == nil && policy.Pass == nil:
		return ErrInvitation
	case e.Token == nil && e.Password == nil && !p.Holds(g.ID()):
		return ErrPassword
	}
	entry := *e
	entry.Parent = g.Parent()
	t, err := p.ticketFor(ctx, g.Signed(), g.Advertisement(), &entry)
	if err != nil {
		return err
	}
	if err := p.present(ctx, g, t); err != nil {
		return err
	}
	t.held.Join, t.held.Joined = e.Remember || t.held.Join, true
	if !t.keep && !e.Remember {
		return nil
	}
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	if err := p.groups.vault.put(&t.held); err != nil {
		return fmt.Errorf("keep the credential: %w", err)
	}
	return nil
}

// present shows the others another credential. If they, or what is known here, will not
// have it, the one before stays.
func (p *Peer) present(ctx context.Context, g *group.Group, t *ticket) error {
	old, _ := g.Standing() // nil if it is none any more
	err := g.Login(t.held.chain, t.password)
	if err != nil {
		return err
	}
	if _, err = g.Standing(); err == nil {
		err = p.settle(ctx, g, t)
	}
	if err != nil && old != nil && old.Chain != nil {
		err = errors.Join(err, g.Login(old.Chain, nil))
	}
	return err
}

// Kept is a group that this peer keeps something of: a credential, or that it has made it.
type Kept struct {
	Advertisement *adv.Signed // the newest version that is known
	Parent        id.Group    // where it was found
	Made          bool        // by this peer
	Rejoins       bool        // it is joined again when the peer starts
	// Holds is that it takes neither a password nor an invitation to join it: see
	// [Peer.Holds].
	Holds bool
	Role  membership.Role // of the credential; 0 if there is none
	Until time.Time       // when that expires
}

// Kept returns the groups that this peer keeps something of, joined or not, by name.
func (p *Peer) Kept() []Kept {
	p.groups.mu.Lock()
	var all []Kept
	for _, h := range p.groups.vault.all {
		k := Kept{Advertisement: h.signed, Made: h.Made, Rejoins: h.Join}
		k.Parent, _ = id.ParseGroup(h.Parent) // a null ID is no group
		if h.chain != nil {
			k.Role, k.Until = h.chain.Role(), h.chain.Expires()
		}
		all = append(all, k)
	}
	p.groups.mu.Unlock()
	for i := range all {
		all[i].Holds = p.Holds(all[i].Advertisement.Advertisement().(*adv.Group).GID)
	}
	slices.SortFunc(all, func(a, b Kept) int {
		da, db := a.Advertisement.Advertisement().(*adv.Group), b.Advertisement.Advertisement().(*adv.Group)
		return cmp.Or(cmp.Compare(da.Name, db.Name), id.Compare(da.GID, db.GID))
	})
	return all
}
