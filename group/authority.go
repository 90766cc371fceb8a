package group

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// Defaults of credentials.
const (
	// CredentialLife is how long a membership lasts that nobody has bounded; it is renewed
	// when half of that has passed.
	CredentialLife = 30 * 24 * time.Hour
	// InvitationLife is for how long an invitation can be used that nobody has bounded.
	InvitationLife = 24 * time.Hour
)

// MinPassword is how many bytes a group's password has at least: whoever has the
// advertisement can try them without asking anybody.
const MinPassword = 8

// What callers test for.
var (
	// ErrNotAdmin: only an admin of the group may.
	ErrNotAdmin = errors.New("only an admin of the group may do this")
	// ErrNotRoot: only who has the group's root key may.
	ErrNotRoot = errors.New("only who has the group's root key may do this")
	// ErrNoInvitation: the sealed half of an invitation was not found.
	ErrNoInvitation = errors.New("nobody who can be reached knows this invitation: it was taken back, it is of another parent group, or whoever made it is away")
	// ErrSelf: an admin neither puts itself out nor changes its own role, which nobody might
	// be there to undo.
	ErrSelf = errors.New("an admin does not do this to itself")
	// ErrUndelivered: the peer did not take what was granted to it.
	ErrUndelivered = errors.New("the peer could not be told")
)

// Authority may issue credentials in a group, and take them back. Its methods may be
// called concurrently.
type Authority struct {
	g      *Group
	issuer *membership.Issuer
	root   bool
}

// Authority returns this peer's own, if it is an admin. The error wraps [ErrNotAdmin].
func (g *Group) Authority() (*Authority, error) {
	if g.door == nil {
		return nil, fmt.Errorf("group: %w: the net group has none", ErrNotAdmin)
	}
	st, err := g.door.standing()
	if err != nil {
		return nil, fmt.Errorf("group: %w: %w", ErrNotAdmin, err)
	}
	if st.Role != membership.Admin {
		return nil, fmt.Errorf("group: %w: this peer is a %v", ErrNotAdmin, st.Role)
	}
	return &Authority{g: g, issuer: &membership.Issuer{Key: g.raw, Chain: st.Chain, Group: g.ID()}}, nil
}

// RootAuthority returns that of the group's root key. The error wraps [ErrNotRoot] if it
// is another key.
func (g *Group) RootAuthority(root ed25519.PrivateKey) (*Authority, error) {
	if g.door == nil || !g.door.policyNow().Root.Equal(root.Public()) {
		return nil, fmt.Errorf("group: %w: this is another key", ErrNotRoot)
	}
	return &Authority{g: g, issuer: &membership.Issuer{Key: root, Group: g.ID()}, root: true}, nil
}

// InvitationConfig says what an invitation is to be. The zero value is for one member,
// and a day.
type InvitationConfig struct {
	Role membership.Role // default: Member
	Uses int             // how many peers may use it; default 1, at most [membership.MaxUses]
	// Expires is for how long it can be used; default [InvitationLife].
	Expires time.Duration
	// Life bounds the memberships that it makes: they end then. 0: they are renewed.
	Life time.Duration
	Only id.Peer // the one peer that may use it; zero: whoever has it
}

// Invitation is one that was made.
type Invitation struct {
	Token   membership.Token  // for whoever is invited: as secret as a key
	Serial  membership.Serial // by which it can be taken back
	Role    membership.Role
	Uses    int
	Expires time.Time
}

// Invite makes an invitation, and puts its sealed half where the group's advertisement is
// found: in the parent group. It returns when it can be used. Errors are those of package
// membership for what cannot be, or of publishing.
func (a *Authority) Invite(ctx context.Context, cfg *InvitationConfig) (*Invitation, error) {
	c := *cfg
	if c.Role == 0 {
		c.Role = membership.Member
	}
	if c.Uses == 0 {
		c.Uses = 1
	}
	if c.Expires == 0 {
		c.Expires = InvitationLife
	}
	inv, err := a.invite(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("group: invite: %w", err)
	}
	return inv, nil
}

func (a *Authority) invite(ctx context.Context, c *InvitationConfig) (*Invitation, error) {
	now := time.Now()
	issuer, life := *a.issuer, c.Life
	issuer.Final = life > 0
	if life == 0 {
		life = credentialLife
	}
	token := membership.NewToken(now.Add(c.Expires))
	key := token.Key()
	chain, err := issuer.Invite(key.Public().(ed25519.PublicKey), c.Role, c.Uses, now, token.Expires, life, c.Only)
	if err != nil {
		return nil, err
	}
	sealed, err := token.Seal(&membership.Invitation{
		Advertisement: a.g.door.advertisement().Envelope(), Chain: chain, Secret: a.g.secret,
	})
	if err != nil {
		return nil, err
	}
	signer, err := crypto.UnmarshalEd25519PrivateKey(key)
	if err != nil {
		return nil, err
	}
	signed, err := adv.Sign(signer, sealedDocument(&token, sealed), uint64(now.UnixMilli()))
	if err != nil {
		return nil, err
	}
	left := token.Expires.Sub(now)
	if err := a.g.parent().Discovery().PublishSigned(ctx, signed, left, min(left, adv.MaxExpiration)); err != nil {
		return nil, err
	}
	return &Invitation{token, chain.Serial(), c.Role, c.Uses, token.Expires}, nil
}

// sealedType is the document that holds the sealed half of an invitation: nobody but who
// has the token can tell what it is about.
const sealedType = "jxta:Sealed"

func sealedDocument(t *membership.Token, sealed []byte) *adv.Document {
	return &adv.Document{Name: sealedType, Children: []*adv.Element{
		{Name: "Id", Text: sealedID(t)},
		{Name: "Data", Text: base64.StdEncoding.EncodeToString(sealed)},
	}}
}

func sealedID(t *membership.Token) string {
	at := t.Lookup()
	return id.CodatOf(id.Net, at[:]).String()
}

// maxSealed is how many documents of one ID are tried: anybody can publish more.
const maxSealed = 16

// OpenInvitation finds what a token opens, in the group's index: the group that it
// invites to need not be known. The error wraps [ErrNoInvitation], or
// [membership.ErrInvitationExpired].
func (g *Group) OpenInvitation(ctx context.Context, t membership.Token) (*membership.Invitation, *adv.Signed, error) {
	if time.Now().After(t.Expires) {
		return nil, nil, fmt.Errorf("group: %w: on %s", membership.ErrInvitationExpired, t.Expires.Local().Format("2 January 2006 15:04"))
	}
	q := discovery.Query{Kind: sealedType, Attr: "Id", Value: sealedID(&t)}
	tried := 0
	for a, err := range g.discovery.Search(ctx, q) {
		if err != nil || !t.Made(a.Key()) { // anybody can publish something under that ID
			continue
		}
		if tried++; tried > maxSealed {
			break
		}
		doc, ok := a.Advertisement().(*adv.Document)
		if !ok {
			continue
		}
		sealed, err := base64.StdEncoding.DecodeString(doc.Element().Value("Data"))
		if err != nil {
			continue
		}
		if inv, err := t.Open(sealed); err == nil {
			return inv, a, nil
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("group: %w: %w", ErrNoInvitation, err)
	}
	return nil, nil, fmt.Errorf("group: %w", ErrNoInvitation)
}

// Revoke puts a peer out: its credentials are void from now on, here at once and
// everywhere within seconds, and it reads nothing that is sent afterwards. It returns when
// the neighbours have been told. Only a grant lets it in again; in a group with a password
// it may come again as another peer, unless the password is changed. Errors are those of
// [membership.Issuer.RevokePeer], or wrap [ErrSelf].
func (a *Authority) Revoke(ctx context.Context, who id.Peer, reason string) error {
	err := a.notSelf(who)
	if err == nil {
		err = a.g.door.revoke(who, func(at time.Time) (*membership.Record, error) { return a.issuer.RevokePeer(who, at, reason) })
	}
	if err == nil {
		err = a.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("group: revoke %v: %w", who, err)
	}
	return nil
}

func (a *Authority) notSelf(who id.Peer) error {
	if who == a.g.Self().Signer() {
		return ErrSelf
	}
	return nil
}

// RevokeCredential takes back an invitation or a membership by its serial, and all
// memberships that come from it. Errors as for [Authority.Revoke].
func (a *Authority) RevokeCredential(ctx context.Context, s membership.Serial, reason string) error {
	err := a.g.door.revoke(id.Peer{}, func(at time.Time) (*membership.Record, error) { return a.issuer.RevokeCredential(s, at, reason) })
	if err == nil {
		err = a.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("group: revoke %v: %w", s, err)
	}
	return nil
}

// RevokeInvitation does so by the token, and takes the sealed half back. Errors as for
// [Authority.Revoke] and [Group.OpenInvitation].
func (a *Authority) RevokeInvitation(ctx context.Context, t membership.Token, reason string) error {
	inv, doc, err := a.g.parent().OpenInvitation(ctx, t)
	if err != nil {
		return err
	}
	if err := a.RevokeCredential(ctx, inv.Chain.Serial(), reason); err != nil {
		return err
	}
	signer, err := crypto.UnmarshalEd25519PrivateKey(t.Key())
	if err == nil {
		err = a.g.parent().Discovery().RetractSigned(ctx, signer, doc)
	}
	if err != nil { // nobody can use it any more
		a.g.cfg.Log.Info("sealed half of an invitation not taken back", "err", err)
	}
	return nil
}

// flush returns when what was revoked is on disk and told.
func (a *Authority) flush(ctx context.Context) error {
	if a.g.door.db != nil {
		if err := a.g.door.db.Flush(ctx); err != nil {
			return err
		}
	}
	return a.g.told(ctx)
}

// Grant makes a peer a member in a role, for a life that is renewed if it is 0, and hands
// the credential to it, who is found in the group or in its parent by its advertisement.
// If it had a higher role its older credentials are revoked. The error wraps
// [ErrUndelivered] if the peer was not reached: then it was granted nothing; or [ErrSelf].
func (a *Authority) Grant(ctx context.Context, peer *adv.Signed, role membership.Role, life time.Duration) (*membership.Chain, error) {
	chain, err := a.grant(ctx, peer, role, life)
	if err != nil {
		return nil, fmt.Errorf("group: grant %v to %v: %w", role, peer.Signer(), err)
	}
	return chain, nil
}

func (a *Authority) grant(ctx context.Context, peer *adv.Signed, role membership.Role, life time.Duration) (*membership.Chain, error) {
	key, err := rawKey(peer)
	if err != nil {
		return nil, err
	}
	who := peer.Signer()
	if err := a.notSelf(who); err != nil {
		return nil, err
	}
	issuer := *a.issuer
	issuer.Final = life > 0
	if life == 0 {
		life = credentialLife
	}
	if a.g.door.roleOf(who) > role { // the older ones would be as good as before
		if err := a.Revoke(ctx, who, fmt.Sprintf("is a %v from now on", role)); err != nil {
			return nil, err
		}
	}
	chain, err := issuer.Grant(key, role, a.g.door.after(who, time.Now()), life)
	if err != nil {
		return nil, err
	}
	h := &membership.Invitation{
		Advertisement: a.g.door.advertisement().Envelope(), Chain: chain, Secret: a.g.secret, Revocation: a.g.door.revocationOf(who),
	}
	if err := a.g.deliver(ctx, who, h); err != nil {
		return nil, err
	}
	return chain, nil
}

// SetPassword changes the group's password. Members whose credential comes from the old
// one, and not from an admin, have to log in anew. Only the root key may: the error wraps
// [ErrNotRoot] otherwise, or [membership.ErrPolicy] if the group has no password.
func (a *Authority) SetPassword(ctx context.Context, password []byte) error {
	err := a.setPassword(ctx, password)
	if err != nil {
		return fmt.Errorf("group: change the password: %w", err)
	}
	return nil
}

func (a *Authority) setPassword(ctx context.Context, password []byte) error {
	old := a.g.door.policyNow()
	switch {
	case !a.root:
		return ErrNotRoot
	case len(password) < MinPassword:
		return fmt.Errorf("%w: %d characters at least are wanted", membership.ErrPassword, MinPassword)
	case old.Pass == nil:
		return fmt.Errorf("%w: the group has no password", membership.ErrPolicy)
	}
	key := membership.StretchPassword(a.g.ID(), password, membership.DefaultKDF)
	p := *old
	p.Pass = &membership.Passphrase{Key: key.Public(), Role: old.Pass.Role, Sealed: key.Seal(a.g.secret), KDF: membership.DefaultKDF}
	now := a.g.door.advertisement()
	doc := *now.Advertisement().(*adv.Group)
	doc.Membership = append(p.Elements(), beyondPolicy(doc.Membership)...)
	signer, err := crypto.UnmarshalEd25519PrivateKey(a.issuer.Key)
	if err != nil {
		return err
	}
	signed, err := adv.Sign(signer, &doc, max(now.Seq()+1, uint64(time.Now().UnixMilli())))
	if err != nil {
		return err
	}
	a.g.usePassword(key)
	if _, err := a.g.door.renew(signed); err != nil {
		return err
	}
	a.g.readvertised()
	return a.g.told(ctx)
}
