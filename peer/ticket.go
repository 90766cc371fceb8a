package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// ticket is by what leave a group is about to be entered.
type ticket struct {
	held     held
	password *membership.PasswordKey // that renews the credential
	keep     bool                    // the credential cannot be had again
	fresh    bool                    // it was made by an invitation, which somebody has to take
}

// ticketFor makes the credential that a group wants: of what is held, or of the entry.
func (p *Peer) ticketFor(ctx context.Context, a *adv.Signed, doc *adv.Group, e *Entry) (*ticket, error) {
	policy, err := membership.PolicyOf(doc)
	if err != nil {
		return nil, err
	}
	t := &ticket{held: held{Parent: p.parentOf(e.Parent).ID().String()}}
	p.groups.mu.Lock()
	if h := p.groups.vault.all[doc.GID]; h != nil {
		t.held, t.keep = *h, true
	}
	p.groups.mu.Unlock()
	if t.held.signed == nil || a.Seq() > t.held.signed.Seq() {
		t.held.signed, t.held.Advertisement = a, a.Envelope()
	} else if policy, err = membership.PolicyOf(t.held.doc()); err != nil {
		return nil, err
	}
	switch {
	case e.Token != nil:
		err = p.redeem(ctx, t, e)
	case e.Password != nil && policy.Pass != nil:
		err = p.unlock(t, policy, membership.StretchPassword(doc.GID, e.Password, policy.Pass.KDF), e.Remember)
	case t.held.Password != nil && policy.Pass != nil:
		var key *membership.PasswordKey
		if key, err = membership.ParsePasswordKey(t.held.Password); err == nil {
			err = p.unlock(t, policy, key, true)
		}
	case t.held.chain != nil && policy.Check(t.held.chain, p.public(), time.Now()) == nil:
		t.fresh = t.held.chain.Redeems()
	case t.held.Made && p.issueOwn(t, policy) == nil:
	default:
		err = wanting(policy, t.held.chain)
	}
	return t, err
}

// issueOwn makes a credential with the root key of a group that this peer has made, if no
// passphrase protects it: the one before has expired.
func (p *Peer) issueOwn(t *ticket, policy *membership.Policy) error {
	p.groups.mu.Lock()
	text, err := p.groups.vault.root(policy.Group)
	p.groups.mu.Unlock()
	if err != nil {
		return err
	}
	root, err := membership.ParseKey(text, nil)
	if err != nil {
		return err
	}
	chain, err := (&membership.Issuer{Key: root, Group: policy.Group}).Grant(p.public(), membership.Admin, time.Now(), membership.MaxLife)
	if err != nil {
		return err
	}
	t.held.chain, t.held.Chain = chain, chain.Bytes()
	return nil
}

// wanting says what it takes to join a group.
func wanting(p *membership.Policy, old *membership.Chain) error {
	err := error(nil)
	switch p.Method {
	case membership.Open:
		return nil
	case membership.Password:
		err = ErrPassword
	case membership.Invite:
		err = ErrInvitation
	default:
		err = ErrGranted
	}
	if old != nil && time.Now().After(old.Expires()) {
		err = fmt.Errorf("%w, and %w", err, membership.ErrExpired)
	}
	return err
}

// unlock makes a credential with a password.
func (p *Peer) unlock(t *ticket, policy *membership.Policy, key *membership.PasswordKey, remember bool) (err error) {
	if t.held.Secret, err = policy.Unlock(key); err != nil {
		return err
	}
	chain := t.held.chain
	if chain == nil || policy.Check(chain, p.public(), time.Now()) != nil { // what an admin has granted says more
		if chain, err = group.IssueBy(key, policy, p.public()); err != nil {
			return err
		}
		t.password = key
	}
	t.held.chain, t.held.Chain = chain, chain.Bytes()
	if remember {
		t.held.Password = key.Bytes()
	}
	return nil
}

// redeem makes a credential with an invitation.
func (p *Peer) redeem(ctx context.Context, t *ticket, e *Entry) error {
	inv, _, err := p.parentOf(e.Parent).OpenInvitation(ctx, *e.Token)
	if err != nil {
		return err
	}
	a, err := adv.Open(inv.Advertisement)
	if err != nil {
		return err
	}
	doc, ok := a.Advertisement().(*adv.Group)
	if !ok || doc.GID != t.held.doc().GID {
		return fmt.Errorf("%w: the invitation is to another group", membership.ErrForeign)
	}
	policy, err := membership.PolicyOf(doc)
	if err != nil {
		return err
	}
	if policy.Method != membership.Open && membership.MarkerOf(inv.Secret) != policy.Marker {
		return fmt.Errorf("%w: the invitation has another secret than the group", membership.ErrForged)
	}
	links := inv.Chain.Links()
	last := links[len(links)-1]
	issuer := &membership.Issuer{Key: e.Token.Key(), Chain: inv.Chain, Group: doc.GID, Final: last.Final}
	chain, err := issuer.Grant(p.public(), last.Role, time.Now(), last.Life)
	if err != nil {
		return err
	}
	t.held.chain, t.held.Chain, t.held.Secret = chain, chain.Bytes(), inv.Secret
	t.keep, t.fresh = true, true
	return nil
}

// Invited opens an invitation: the advertisement of the group that it is to, which need
// not be known. The entry for [Peer.Join] has the token. Errors are those of
// [group.Group.OpenInvitation].
func (p *Peer) Invited(ctx context.Context, t membership.Token, parent *group.Group) (*adv.Signed, error) {
	inv, _, err := p.parentOf(parent).OpenInvitation(ctx, t)
	if err != nil {
		return nil, err
	}
	a, err := adv.Open(inv.Advertisement)
	if err != nil {
		return nil, fmt.Errorf("peer: the group of an invitation: %w", err)
	}
	if _, ok := a.Advertisement().(*adv.Group); !ok {
		return nil, fmt.Errorf("peer: %w: an invitation to what is no group", membership.ErrForged)
	}
	return a, nil
}

// granted takes a credential that somebody hands to this peer. What we have asked for
// nothing is kept for the day when we join the group.
func (p *Peer) granted(from id.Peer, a *adv.Signed, h *membership.Invitation) error {
	select {
	case <-p.up: // a peer that is just starting may be asked already
	case <-p.ctx.Done():
		return net.ErrClosed
	}
	doc := a.Advertisement().(*adv.Group)
	if g := p.Group(doc.GID); g != nil {
		return g.Accept(h.Chain, h.Revocation)
	}
	p.groups.mu.Lock()
	defer p.groups.mu.Unlock()
	kept := held{Parent: id.Net.String()}
	if old := p.groups.vault.all[doc.GID]; old != nil {
		kept = *old
		if err := p.better(old, h); err != nil {
			return err
		}
	} else if err := p.groups.vault.makeRoom(time.Now()); err != nil {
		return err
	}
	if kept.signed == nil || a.Seq() > kept.signed.Seq() {
		kept.signed, kept.Advertisement = a, a.Envelope()
	}
	kept.chain, kept.Chain, kept.Secret = h.Chain, h.Chain.Bytes(), h.Secret
	p.cfg.Log.Info("credential granted", "by", from, "group", doc.Name, "role", h.Chain.Role())
	return p.groups.vault.put(&kept)
}

// better says why a credential that somebody hands us is not to take the place of one that
// is kept.
func (p *Peer) better(old *held, h *membership.Invitation) error {
	c := h.Chain
	policy, err := membership.PolicyOf(old.doc())
	if err == nil {
		err = policy.Check(c, p.public(), time.Now())
	}
	if err == nil {
		err = group.Granted(policy, c)
	}
	if err != nil || old.chain == nil || policy.Check(old.chain, p.public(), time.Now()) != nil {
		return err
	}
	r, err := membership.ParseRecord(h.Revocation)
	if err == nil && policy.Verify(r, time.Now()) == nil && membership.NewLedger(policy).Voids(r, old.chain, p.public()) {
		return nil
	}
	if c.Role() < old.chain.Role() || !c.Issued().After(old.chain.Issued()) {
		return errors.New("there is a better one")
	}
	return nil
}

// rejoin joins the groups that were to be remembered, when the peer starts: parents first.
func (p *Peer) rejoin() {
	left := map[id.Group]*held{}
	for g, h := range p.groups.vault.all {
		if h.Join {
			left[g] = h
		}
	}
	for progress := true; progress; {
		progress = false
		for gid, h := range left {
			parent, err := id.ParseGroup(h.Parent)
			in := p.Group(parent)
			if err != nil || in == nil {
				continue
			}
			delete(left, gid)
			progress = true
			t, err := p.ticketFor(p.ctx, h.signed, h.doc(), &Entry{Parent: in, Remember: true})
			var g *group.Group
			if err == nil {
				g, err = p.enter(t, in)
			}
			if err != nil {
				p.cfg.Log.Warn("group not joined again", "group", h.doc().Name, "err", err)
				continue
			}
			p.groups.mu.Lock()
			p.groups.all = append(p.groups.all, g)
			p.groups.mu.Unlock()
		}
	}
	for _, h := range left {
		p.cfg.Log.Warn("group not joined again: its parent is not joined", "group", h.doc().Name, "parent", h.Parent)
	}
}
