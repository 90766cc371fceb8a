package group_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
)

func TestCredentialsThatLetNobodyIn(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		now := time.Now()
		key := s.keyOf(s.mallory)
		me := key.Public().(ed25519.PublicKey)
		other, otherKey := newKey(t)
		foreign, err := (&membership.Issuer{Key: s.root, Group: id.GroupOf(other, "go", make([]byte, id.NonceLen))}).
			Grant(me, membership.Member, now, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		good := s.chain(s.root, me, membership.Member, now, time.Hour)
		altered := slices.Clone(good)
		altered[len(altered)-1] ^= 1
		lent := func(r membership.Role, leaf ed25519.PrivateKey) []byte { // links as the wire has them, one behind the other
			return append(s.chain(s.root, other, r, now, time.Hour), s.chain(leaf, me, membership.Member, now, time.Hour)...)
		}
		byPassword := s.passKey()
		for _, c := range []struct {
			what       string
			credential []byte
			want       error
		}{
			{"none", nil, membership.ErrNoCredential},
			{"of another group", foreign.Bytes(), membership.ErrForeign},
			{"expired", s.chain(s.root, me, membership.Member, now.Add(-2*time.Hour), time.Hour), membership.ErrExpired},
			{"expired, by password", s.chain(byPassword, me, membership.Member, now.Add(-2*time.Hour), time.Hour), membership.ErrExpired},
			{"of tomorrow", s.chain(s.root, me, membership.Member, now.Add(24*time.Hour), time.Hour), membership.ErrClock},
			{"altered signature", altered, membership.ErrForged},
			{"altered role", bytes.Replace(good, []byte("\x28\x02"), []byte("\x28\x03"), 1), membership.ErrForged},
			{"her own root", s.chain(key, me, membership.Admin, now, time.Hour), membership.ErrForged},
			{"her own root above an admin", append(s.chain(key, other, membership.Admin, now, time.Hour), s.chain(otherKey, me, membership.Member, now, time.Hour)...), membership.ErrForged},
			{"leaf by another key", lent(membership.Admin, key), membership.ErrForged},
			{"through a guest", lent(membership.Guest, otherKey), membership.ErrIssuer},
			{"through a member", lent(membership.Member, otherKey), membership.ErrIssuer},
			{"through a member by password", append(s.chain(byPassword, other, membership.Member, now, time.Hour), s.chain(otherKey, me, membership.Member, now, time.Hour)...), membership.ErrIssuer},
			{"an admin by password", s.chain(byPassword, me, membership.Admin, now, time.Hour), membership.ErrIssuer},
			{"somebody else's", s.chain(s.root, other, membership.Admin, now, time.Hour), membership.ErrSubject},
			{"garbage", []byte("garbage"), membership.ErrMalformed},
		} {
			s.turnedAway(c.what, s.mallory, c.credential, c.want)
		}
		s.unharmed("credentials")
	})
}

// passKey is what the password has become.
func (s *siege) passKey() ed25519.PrivateKey {
	return membership.StretchPassword(s.ga.ID(), []byte(password), membership.DefaultKDF).Key()
}

// What one host has shown, or was shown, is worth nothing on the connection of another.
func TestHelloOfAnotherConnection(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		eve := s.w.Host() // a member, who tells mallory all that she hears
		evesHello := helloOf(s.shown(eve, "eve", s.grant(eve, membership.Member)).Envelope())
		bobsHello, err := s.greet(eve, s.w.Info(s.bob), evesHello)
		if err != nil {
			t.Fatal(err)
		}
		alicesHello, err := s.greet(eve, s.w.Info(s.alice), evesHello)
		if err != nil {
			t.Fatal(err)
		}
		for what, hello := range map[string][]byte{
			"bob's hello":         frame(bobsHello),
			"bob's advertisement": helloOf(s.gb.Self().Envelope()),
			"eve's hello":         evesHello,
			"alice's own":         frame(alicesHello),
			"in the net group":    helloOf(s.w.Sign(s.mallory, testnet.PeerAdvertisement(s.mallory, id.Net, "mallory")).Envelope()),
			"a document":          helloOf(s.signed.Envelope()),
			"nothing":             frame(nil),
			"garbage":             []byte("\x07garbage"),
		} {
			before := s.ga.Stats().Refused
			if b, err := s.greet(s.mallory, s.w.Info(s.alice), hello); err == nil {
				t.Errorf("%s: answered with %d bytes", what, len(b))
			}
			if n := s.ga.Stats().Refused; n != before+1 {
				t.Errorf("%s: counted %d times", what, n-before)
			}
		}
		if !s.journal.says("peer not admitted", s.mallory.ID().String(), "another peer") {
			t.Error("not logged with peer and reason")
		}
		if err := s.stranger(s.mallory.ID()); err != nil {
			t.Error(err)
		}
		s.shut("replayed", s.mallory)
		s.unharmed("replay")
	})
}

// A host that answers to every name, and has overheard a proof, learns nothing of who
// greets it.
func TestProofOfAnotherHost(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		overheard := membership.Proof(s.secret, []byte(s.w.Info(s.bob).ID), []byte(s.w.Info(s.alice).ID))
		heard := make(chan []byte, 16)
		s.mallory.SetStreamHandlerMatch("/juxta", func(p protocol.ID) bool { return strings.HasPrefix(string(p), "/juxta/1/") },
			func(st network.Stream) {
				defer st.Reset()
				if st.Protocol() == closed {
					_, _ = readKnock(st)
				}
				_, _ = st.Write(frame(text(nil, 5, overheard[:])))
				b, _ := io.ReadAll(st)
				select {
				case heard <- b:
				default:
				}
			})
		if a, err := s.gb.Connect(t.Context(), hostInfo(s.mallory)); !errors.Is(err, group.ErrNotAdmitted) {
			t.Errorf("%v, %v", a, err)
		}
		s.w.Pass(time.Second)
		if len(heard) == 0 {
			t.Error("bob has not tried")
		}
		for len(heard) > 0 {
			if b := <-heard; bytes.Contains(b, []byte("Credential")) || bytes.Contains(b, []byte(s.ga.ID().String())) {
				t.Errorf("bob has shown %d bytes", len(b))
			}
		}
		s.unharmed("proof")
	})
}

// redeemed is the chain that the key of an invitation makes for a host.
func (s *siege) redeemed(t membership.Token, h host.Host, r membership.Role) []byte {
	s.t.Helper()
	inv, _, err := s.seed.Net().OpenInvitation(s.t.Context(), t)
	if err != nil {
		s.t.Fatal(err)
	}
	links := inv.Chain.Links()
	leaf := s.chain(t.Key(), s.keyOf(h).Public().(ed25519.PublicKey), r, time.Now(), links[len(links)-1].Life)
	return append(slices.Clone(inv.Chain.Bytes()), leaf...)
}

// late is what mallory makes, at some time, of an invitation that could be used until two
// hours ago.
func (s *siege) late(at time.Time) []byte {
	s.t.Helper()
	public, key := newKey(s.t)
	now := time.Now()
	inv, err := (&membership.Issuer{Key: s.root, Group: s.ga.ID()}).
		Invite(public, membership.Member, 10, now.Add(-3*time.Hour), now.Add(-2*time.Hour), 24*time.Hour, id.Peer{})
	if err != nil {
		s.t.Fatal(err)
	}
	leaf := s.chain(key, s.keyOf(s.mallory).Public().(ed25519.PublicKey), membership.Member, at, 24*time.Hour)
	return append(slices.Clone(inv.Bytes()), leaf...)
}

func TestInvitationsThatLetNobodyIn(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		once := s.invite(&group.InvitationConfig{})
		carol, dave := s.w.Host(), s.w.Host()
		show := func(what string, h host.Host, credential []byte) {
			t.Helper()
			b, err := s.greet(h, s.w.Info(s.alice), helloOf(s.shown(h, what, credential).Envelope()))
			if f, bad := parse(b); err != nil || bad != nil || len(f.texts[1]) == 0 {
				t.Fatalf("%s: not let in: %v, refusal %d", what, err, f.numbers[3])
			}
		}
		show("carol", carol, s.redeemed(once.Token, carol, membership.Member))
		show("carol, with a second one", carol, s.redeemed(once.Token, carol, membership.Member))
		s.turnedAway("spent", s.mallory, s.redeemed(once.Token, s.mallory, membership.Member), membership.ErrSpent)

		only := s.invite(&group.InvitationConfig{Only: s.shown(dave, "dave", nil).Signer(), Role: membership.Guest})
		s.turnedAway("for another", s.mallory, s.redeemed(only.Token, s.mallory, membership.Guest), membership.ErrSubject)
		s.turnedAway("as more than it says", dave, s.redeemed(only.Token, dave, membership.Member), membership.ErrIssuer)
		show("dave", dave, s.redeemed(only.Token, dave, membership.Guest))

		s.turnedAway("used after its time", s.mallory, s.late(time.Now()), membership.ErrInvitationExpired)
		s.turnedAway("used in time, it says", s.mallory, s.late(time.Now().Add(-150*time.Minute)), membership.ErrInvitationExpired)

		void := s.invite(&group.InvitationConfig{Uses: 10})
		chain := s.redeemed(void.Token, s.mallory, membership.Member)
		if err := s.admin().RevokeInvitation(t.Context(), void.Token, "a mistake"); err != nil {
			t.Fatal(err)
		}
		s.turnedAway("taken back", s.mallory, chain, membership.ErrRevoked)
		s.unharmed("invitations")
	})
}
