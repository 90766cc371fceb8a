package peer_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// hand has a peer hand another one a credential, and returns why that does not take it.
func hand(t *testing.T, from, to *peer.Peer, h *membership.Invitation) error {
	t.Helper()
	body, err := h.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range from.Net().Resolver().Query(t.Context(), to.ID(), "grant", body) {
		if err == nil && string(r.Body) != "taken" {
			t.Errorf("the answer is %q", r.Body)
		}
		return err
	}
	return fmt.Errorf("%s does not answer", to.Name())
}

// publicOf is the key of a peer.
func publicOf(t *testing.T, p *peer.Peer) ed25519.PublicKey {
	t.Helper()
	raw, err := p.Net().Self().Key().Raw()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// keptRole is what a peer would be if it joined a group now, by what it keeps.
func keptRole(p *peer.Peer, g id.Group) membership.Role {
	for _, k := range p.Kept() {
		if k.Advertisement.Advertisement().ID() == g {
			return k.Role
		}
	}
	return 0
}

// Who has the password, or what a peer was once, takes no role away from it: neither from
// who is in the group nor from who only keeps what an admin has granted.
func TestHandedCredentialTakesNothingAway(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob := w.Start("alice", seed), w.Start("bob", seed)
		joined, keeps := w.Start("joined", seed), w.Start("keeps", seed)
		w.Settle(seed, alice, bob, joined, keeps)
		a, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse")})
		gb, err := bob.Join(t.Context(), a, &peer.Entry{Password: []byte("correct horse")})
		if err != nil {
			t.Fatal(err)
		}
		policy := gb.Policy()
		pass := membership.StretchPassword(gb.ID(), []byte("correct horse"), policy.Pass.KDF)
		secret, err := policy.Unlock(pass)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []*peer.Peer{joined, keeps} {
			grant := func(r membership.Role) *membership.Chain {
				who, err := ga.Parent().FindPeer(t.Context(), p.Name())
				if err != nil {
					t.Fatal(err)
				}
				c, err := admin(t, ga).Grant(t.Context(), who, r, 0)
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			once := grant(membership.Member)
			w.Pass(time.Minute)
			was := grant(membership.Admin)
			w.Pass(time.Minute)
			grant(membership.Admin)
			var gp *group.Group
			if p == joined {
				if gp, err = p.Join(t.Context(), a, nil); err != nil {
					t.Fatal(err)
				}
			}
			w.Pass(time.Minute)
			own, err := group.IssueBy(pass, policy, publicOf(t, p))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := bob.Net().FindPeer(t.Context(), p.Name()); err != nil {
				t.Fatal(err)
			}
			for what, c := range map[string]*membership.Chain{"by the password": own, "of a minute ago": was, "of two": once} {
				if err := hand(t, bob, p, &membership.Invitation{Advertisement: a.Envelope(), Chain: c, Secret: secret}); err == nil {
					t.Errorf("%s takes one %s", p.Name(), what)
				}
				if r := keptRole(p, ga.ID()); r != membership.Admin {
					t.Errorf("%s keeps that it is a %v, after one %s", p.Name(), r, what)
				}
				if gp == nil {
					continue
				}
				if _, err := gp.Authority(); err != nil {
					t.Errorf("after one %s: %v", what, err)
				}
			}
		}
		gk, err := keeps.Join(t.Context(), a, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := gk.Authority(); err != nil {
			t.Errorf("who had only kept it: %v", err)
		}
	})
}

// strangers are a group that somebody has made whom nobody knows, and its root.
func strangers(t *testing.T, name string) (*adv.Signed, *membership.Issuer) {
	t.Helper()
	public, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, id.NonceLen)
	gid := id.GroupOf(public, name, nonce)
	p := &membership.Policy{Group: gid, Root: public, Method: membership.Open}
	key, err := crypto.UnmarshalEd25519PrivateKey(root)
	if err != nil {
		t.Fatal(err)
	}
	doc := &adv.Group{GID: gid, MSID: id.SpecStdGroup, Name: name, RootKey: public, Nonce: nonce, Membership: p.Elements()}
	a, err := adv.Sign(key, doc, 1)
	if err != nil {
		t.Fatal(err)
	}
	return a, &membership.Issuer{Key: root, Group: gid}
}

// However much strangers grant that nobody has asked for, there is room for what an admin
// grants; the peer's own groups stay, and what has expired goes.
func TestGrantsOfStrangersMakeRoom(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol, mallory := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed), w.Start("mallory", seed)
		w.Settle(seed, alice, bob, carol, mallory)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Root})
		own, gb := makeGroup(t, bob, &peer.NewGroup{Name: "bob's", Method: membership.Root})
		if err := bob.Leave(gb, false); err != nil {
			t.Fatal(err)
		}
		if _, err := mallory.Net().FindPeer(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		spam := func(n int) {
			for i := range n {
				a, root := strangers(t, fmt.Sprint("spam", i))
				c, err := root.Grant(publicOf(t, bob), membership.Member, time.Now(), 5*time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				if err := hand(t, mallory, bob, &membership.Invitation{Advertisement: a.Envelope(), Chain: c}); err != nil {
					t.Fatalf("%d: %v", i, err)
				}
			}
		}
		grants := func() {
			t.Helper()
			who, err := ga.Parent().FindPeer(t.Context(), "bob")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := admin(t, ga).Grant(t.Context(), who, membership.Member, 0); err != nil {
				t.Error(err)
			}
			if r := keptRole(bob, ga.ID()); r != membership.Member {
				t.Errorf("bob keeps that it is a %v", r)
			}
		}
		spam(70)
		grants()
		if n := len(bob.Kept()); n > 67 {
			t.Errorf("%d groups are kept", n)
		}
		if keptRole(bob, own.Advertisement().ID().(id.Group)) != membership.Admin {
			t.Error("bob's own group had to make room")
		}
		w.Pass(6 * time.Minute)
		spam(1)
		if n := len(bob.Kept()); n != 3 {
			t.Errorf("%d groups are kept when all but three have expired", n)
		}
	})
}
