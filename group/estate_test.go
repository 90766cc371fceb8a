package group

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
)

// estate is a group that is all doors: its root, and what it says of itself.
type estate struct {
	t      *testing.T
	root   *membership.Issuer
	doc    adv.Group
	secret []byte
	pass   *membership.PasswordKey
	seq    uint64
}

// somebody is a peer before a door, or behind it.
type somebody struct {
	public ed25519.PublicKey
	key    ed25519.PrivateKey
}

// onEstate runs f in a bubble of virtual time.
func onEstate(t *testing.T, m membership.Method, f func(t *testing.T, e *estate)) {
	synctest.Test(t, func(t *testing.T) {
		e := &estate{t: t, secret: membership.NewSecret()}
		root := e.somebody()
		nonce := make([]byte, id.NonceLen)
		gid := id.GroupOf(root.public, "chess", nonce)
		e.root = &membership.Issuer{Key: root.key, Group: gid}
		e.doc = adv.Group{GID: gid, MSID: id.SpecStdGroup, Name: "chess", RootKey: root.public, Nonce: nonce}
		e.setPolicy(m, "correct horse")
		f(t, e)
	})
}

// lapse lets time pass, in the bubble.
func (e *estate) lapse(d time.Duration) { time.Sleep(d) }

// setPolicy makes the next version of the advertisement.
func (e *estate) setPolicy(m membership.Method, password string) {
	p := &membership.Policy{Group: e.doc.GID, Root: e.doc.RootKey, Method: m}
	if m != membership.Open {
		p.Marker = membership.MarkerOf(e.secret)
	}
	if m == membership.Password {
		k := membership.KDF{Time: 1, MemoryKiB: 8192, Threads: 1}
		e.pass = membership.StretchPassword(e.doc.GID, []byte(password), k)
		p.Pass = &membership.Passphrase{Key: e.pass.Public(), Role: membership.Member, Sealed: e.pass.Seal(e.secret), KDF: k}
	}
	e.doc.Membership = p.Elements()
	e.seq++
}

func (e *estate) signed() *adv.Signed {
	e.t.Helper()
	doc := e.doc
	return e.sign(e.root.Key, &doc, e.seq)
}

func (e *estate) sign(by ed25519.PrivateKey, a adv.Advertisement, seq uint64) *adv.Signed {
	e.t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(by)
	if err != nil {
		e.t.Fatal(err)
	}
	s, err := adv.Sign(key, a, seq)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

func (e *estate) somebody() *somebody {
	e.t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		e.t.Fatal(err)
	}
	return &somebody{public, key}
}

func (s *somebody) id() id.Peer { return id.PeerOf(id.Net, s.public) }

// admin is one that the root has made, and its credential.
func (e *estate) admin() (*somebody, *membership.Chain) {
	who := e.somebody()
	return who, e.grant(e.root, who, membership.Admin)
}

// issuer is who issues by a credential of his.
func (e *estate) issuer(who *somebody, c *membership.Chain) *membership.Issuer {
	return &membership.Issuer{Key: who.key, Chain: c, Group: e.doc.GID}
}

// byPassword issues with the password's key.
func (e *estate) byPassword() *membership.Issuer {
	return &membership.Issuer{Key: e.pass.Key(), Group: e.doc.GID}
}

// invitation is one that the root has made, and the issuer that whoever has it is.
func (e *estate) invitation(r membership.Role, uses int) (*membership.Chain, *membership.Issuer) {
	e.t.Helper()
	token := e.somebody()
	now := time.Now()
	c, err := e.root.Invite(token.public, r, uses, now, now.Add(time.Hour), time.Hour, id.Peer{})
	if err != nil {
		e.t.Fatal(err)
	}
	return c, e.issuer(token, c)
}

// grant is a credential from now on, for an hour.
func (e *estate) grant(by *membership.Issuer, to *somebody, r membership.Role) *membership.Chain {
	e.t.Helper()
	return e.grantAt(by, to, r, time.Now())
}

func (e *estate) grantAt(by *membership.Issuer, to *somebody, r membership.Role, at time.Time) *membership.Chain {
	e.t.Helper()
	c, err := by.Grant(to.public, r, at, time.Hour)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// revoked is the record that a peer is put out now.
func (e *estate) revoked(by *membership.Issuer, who *somebody) *membership.Record {
	e.t.Helper()
	r, err := by.RevokePeer(who.id(), time.Now(), "")
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

// revokedSerial is the record that a credential is void.
func (e *estate) revokedSerial(c *membership.Chain) *membership.Record {
	e.t.Helper()
	r, err := e.root.RevokeCredential(c.Serial(), time.Now(), "")
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

// door is that of a member.
func (e *estate) door(self *somebody, own *membership.Chain, db *store.DB) *door {
	e.t.Helper()
	m := &Membership{Advertisement: e.signed(), Secret: e.secret, Chain: own}
	d, err := newDoor(m, self.public, db, slog.New(slog.DiscardHandler))
	if err != nil {
		e.t.Fatal(err)
	}
	d.changed = func([]*membership.Record) {}
	e.t.Cleanup(d.close)
	return d
}

// shown is a peer's advertisement with a credential.
func (e *estate) shown(who *somebody, c *membership.Chain, seq uint64) *adv.Signed {
	e.t.Helper()
	key, err := crypto.UnmarshalEd25519PublicKey(who.public)
	if err != nil {
		e.t.Fatal(err)
	}
	h, err := hostid.IDFromPublicKey(key)
	if err != nil {
		e.t.Fatal(err)
	}
	a := &adv.Peer{PID: who.id(), GID: e.doc.GID, Name: "somebody", Route: adv.Route{Host: h}}
	if c != nil {
		a.Credential = c.Bytes()
	}
	return e.sign(who.key, a, seq)
}

// comes shows a door a credential, and has to be let in.
func (e *estate) comes(d *door, who *somebody, c *membership.Chain, seq uint64) {
	e.t.Helper()
	if err := d.Admit(e.shown(who, c, seq)); err != nil {
		e.t.Fatal(err)
	}
}

// refused shows a door a credential, and must not be let in.
func (e *estate) refused(d *door, who *somebody, c *membership.Chain, seq uint64, want error) {
	e.t.Helper()
	if err := d.Admit(e.shown(who, c, seq)); !errors.Is(err, want) {
		e.t.Errorf("let in, or not for the reason: %v, want %v", err, want)
	}
}

// hears has a door take records.
func (e *estate) hears(d *door, records ...*membership.Record) {
	e.t.Helper()
	if err := d.take(records); err != nil {
		e.t.Fatal(err)
	}
}
