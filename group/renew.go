package group

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

const (
	renewHandler = "credential" // an admin's: it renews the asker's credential
	grantHandler = "grant"      // everybody's, in every group: takes a credential
	grantTimeout = 5 * time.Second
	// How long after it may have succeeded a renewal is tried again, at first and at most.
	minRenew = 2 * time.Second
	maxRenew = 10 * time.Minute
)

// credentialLife is CredentialLife, but in tests.
var credentialLife = CredentialLife

// IssueBy makes the credential that a password gives to a peer. Errors are those of
// [membership.Issuer.Grant].
func IssueBy(p *membership.PasswordKey, policy *membership.Policy, subject ed25519.PublicKey) (*membership.Chain, error) {
	issuer := &membership.Issuer{Key: p.Key(), Group: policy.Group}
	return issuer.Grant(subject, policy.Pass.Role, time.Now(), credentialLife)
}

// tend renews this peer's credential in time, until ctx ends.
func (g *Group) tend(ctx context.Context) {
	for pause := minRenew; ; {
		wait := g.due(time.Now())
		if wait <= 0 {
			if err := g.renewOwn(ctx); err == nil {
				pause = minRenew
				continue
			} else if ctx.Err() == nil {
				g.cfg.Log.Debug("credential not renewed yet", "err", err)
			}
			wait, pause = pause, min(2*pause, maxRenew)
		}
		select {
		case <-time.After(wait):
		case <-g.renewable:
			pause = minRenew
		case <-ctx.Done():
			return
		}
	}
}

// due is how long it takes until our credential is to be renewed: half of its life; what
// an invitation has made, as soon as an admin is there, who makes one that does not depend
// on it.
func (g *Group) due(now time.Time) time.Duration {
	c := g.door.credential()
	if c == nil || c.Final() {
		return maxRenew
	}
	if c.Redeems() {
		return 0
	}
	return halfLife(c).Sub(now)
}

// renewOwn gets a newer credential: with the password, or from an admin.
func (g *Group) renewOwn(ctx context.Context) error {
	old, policy := g.door.credential(), g.door.policyNow()
	if policy.ByPassword(old) { // what an admin has granted says more, and is his to renew
		p := g.password()
		if p == nil || !policy.Pass.Key.Equal(p.Public()) {
			return membership.ErrPassword
		}
		fresh, err := IssueBy(p, policy, g.public())
		if err != nil {
			return err
		}
		return g.accept(fresh)
	}
	var admins []*Member
	for _, m := range g.Members() {
		if m.Role == membership.Admin && !m.Self && m.Present {
			admins = append(admins, m)
		}
	}
	err := errors.New("no admin is there")
	for _, i := range rand.Perm(len(admins)) {
		var fresh *membership.Chain
		if fresh, err = g.askRenewal(ctx, admins[i].Peer); err == nil {
			if fresh.Issued().After(old.Issued()) || old.Redeems() {
				return g.accept(fresh)
			}
			err = errors.New("it is no newer")
		}
	}
	return err
}

func (g *Group) askRenewal(ctx context.Context, admin id.Peer) (*membership.Chain, error) {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	for r, err := range g.resolver.Query(ctx, admin, renewHandler, nil) {
		if err != nil {
			return nil, err
		}
		c, err := membership.ParseChain(r.Body)
		if err == nil {
			err = g.door.policyNow().Check(c, g.public(), time.Now())
		}
		return c, err
	}
	return nil, errors.New("no answer")
}

// serveRenewal renews a member's credential, if we are an admin.
func (g *Group) serveRenewal(w resolver.ResponseWriter, q *resolver.Query) {
	a, err := g.Authority()
	if err != nil {
		_ = w.Fail(ErrNotAdmin.Error())
		return
	}
	fresh, err := g.door.renewalOf(q.Asker, a.issuer)
	if err != nil {
		_ = w.Fail(err.Error())
		return
	}
	_ = w.Respond(fresh.Bytes())
}

// renewalOf makes a credential that says what the member's own does, for as long again.
func (d *door) renewalOf(who id.Peer, issuer *membership.Issuer) (*membership.Chain, error) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.roster[who]
	if r == nil || r.st.Chain == nil {
		return nil, membership.ErrNoCredential
	}
	st, err := d.ledger.Still(now, r.st, r.key)
	if err != nil {
		return nil, err
	}
	c := st.Chain
	switch young := now.Before(halfLife(c)) && !c.Redeems(); {
	case st.Redeem != nil:
		return nil, membership.ErrSpent // or it will be, when who has let the peer in tells us so
	case c.Final():
		return nil, errors.New("it was made to end")
	case st.SelfIssued && !c.Redeems():
		return nil, fmt.Errorf("%w: who has the password renews it himself", membership.ErrIssuer)
	case young:
		return nil, errors.New("it is too early")
	}
	return issuer.Grant(r.key, st.Role, now, credentialLife, c.Sources()...)
}

// halfLife is when a credential is to be renewed.
func halfLife(c *membership.Chain) time.Time {
	return c.Issued().Add(c.Expires().Sub(c.Issued()) / 2)
}

// accept takes a credential of ours in place of the one before, and shows it to all.
func (g *Group) accept(c *membership.Chain) error {
	g.door.setCredential(c)
	role := g.cfg.Role
	if c.Role() == membership.Guest {
		role = rendezvous.Edge // a guest keeps nothing for others
	}
	if err := g.rendezvous.SetRole(cmp.Or(role, rendezvous.Auto)); err != nil {
		return err
	}
	if err := g.introduce(); err != nil {
		return err
	}
	g.changed()
	g.door.events.tell(Event{Kind: Renewed, Peer: g.Self().Signer(), Role: c.Role()})
	return nil
}

// Accept takes a credential that an admin has granted to this peer. The error is one of
// package membership if it is not good, or not for this peer; or it is no better than the
// one that there is: anybody may hand us one. The revocation, in its public form, is that of
// what it takes the place of; nil: there is none.
func (g *Group) Accept(c *membership.Chain, revocation []byte) error {
	err := membership.ErrForeign
	if g.door != nil {
		err = g.door.acceptable(c, revocation)
	}
	if err == nil {
		err = g.accept(c)
	}
	if err != nil {
		return fmt.Errorf("group: accept: %w", err)
	}
	return nil
}

// acceptable says why a credential that we were handed is none to take in place of ours.
func (d *door) acceptable(c *membership.Chain, revocation []byte) error {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.ledger.Admit(now, c, d.self); err != nil {
		return err
	}
	if err := Granted(d.policy, c); err != nil {
		return err
	}
	if d.own == nil {
		return nil
	}
	_, err := d.ledger.Admit(now, d.own, d.self)
	good := err == nil && !d.proved && !d.voidedLocked(revocation)
	switch {
	case good && c.Role() < d.own.Role(): // an admin who means it revokes the other before
		return fmt.Errorf("%w: it makes less of this peer than it is", membership.ErrIssuer)
	case good && !c.Issued().After(d.own.Issued()):
		return fmt.Errorf("%w: there is a newer one", membership.ErrIssuer)
	}
	return nil
}

// Granted says why a credential was not granted by an admin, if that is so: who has the
// password, or an invitation, can make one for anybody.
func Granted(p *membership.Policy, c *membership.Chain) error {
	if p.SelfIssued(c) {
		return fmt.Errorf("%w: no admin has", membership.ErrIssuer)
	}
	return nil
}

// deliver hands a credential to a peer that is in this group or in its parent.
func (g *Group) deliver(ctx context.Context, who id.Peer, h *membership.Invitation) error {
	if who == g.Self().Signer() {
		return g.Accept(h.Chain, h.Revocation)
	}
	body, err := h.Marshal()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	for _, in := range []*Group{g.parent(), g} {
		for r, qerr := range in.resolver.Query(ctx, who, grantHandler, body) {
			if qerr == nil && string(r.Body) == "taken" {
				return nil
			}
			err = errors.Join(err, qerr)
		}
	}
	return fmt.Errorf("%w: %w", ErrUndelivered, err)
}

// serveGrant takes a credential that somebody grants to this peer, in any group.
func (g *Group) serveGrant(w resolver.ResponseWriter, q *resolver.Query) {
	h, err := membership.ParseInvitation(q.Body)
	var a *adv.Signed
	if err == nil {
		a, err = adv.Open(h.Advertisement)
	}
	if err == nil {
		err = checkGrant(a, h, g.public())
	}
	if err == nil && g.cfg.Granted != nil {
		err = g.cfg.Granted(q.Asker, a, h)
	}
	if err != nil {
		_ = w.Fail(err.Error())
		return
	}
	_ = w.Respond([]byte("taken"))
}

// checkGrant checks what somebody says is a credential for us.
func checkGrant(a *adv.Signed, h *membership.Invitation, self ed25519.PublicKey) error {
	doc, ok := a.Advertisement().(*adv.Group)
	if !ok {
		return errors.New("not the advertisement of a group")
	}
	p, err := policyOf(a, doc)
	if err != nil {
		return err
	}
	if p.Method != membership.Open && membership.MarkerOf(h.Secret) != p.Marker {
		return fmt.Errorf("%w: the group's secret is another one", membership.ErrForged)
	}
	if err := p.Check(h.Chain, self, time.Now()); err != nil {
		return err
	}
	return Granted(p, h.Chain)
}
