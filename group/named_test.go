package group_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// ear hears how the streams of closed groups begin at a host that is in none.
type ear struct {
	mu   sync.Mutex
	tags map[string]map[string]bool // by who has opened them
}

func listenAt(h host.Host) *ear {
	e := &ear{tags: map[string]map[string]bool{}}
	h.SetStreamHandler(closed, func(s network.Stream) {
		defer s.Reset()
		_ = s.SetDeadline(time.Now().Add(10 * time.Second))
		tag := make([]byte, 16)
		if _, err := io.ReadFull(s, tag); err != nil {
			return
		}
		from := s.Conn().RemotePeer().String()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.tags[from] == nil {
			e.tags[from] = map[string]bool{}
		}
		e.tags[from][hex.EncodeToString(tag)] = true
	})
	return e
}

func (e *ear) of(from string) map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tags[from]
}

// A host that two members greet, whether they think that it is one or not, hears nothing
// from the one that it hears from the other, and what one of them says it does not say at
// another host.
func TestMembersBeginWithDifferentTags(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		here, there := s.w.Host(), s.w.Host()
		ears := []*ear{listenAt(here), listenAt(there)}
		for _, h := range []host.Host{here, there} {
			for _, g := range []*group.Group{s.ga, s.gb} {
				if _, err := g.Connect(t.Context(), hostInfo(h)); err == nil {
					t.Fatal("a stranger was greeted as a member")
				}
			}
		}
		had := map[string]string{}
		for i, e := range ears {
			for _, p := range []*peer.Peer{s.alice, s.bob} {
				from := s.w.Info(p).ID.String()
				if len(e.of(from)) != 1 {
					t.Errorf("%s at %d: %d tags", p.Name(), i, len(e.of(from)))
				}
				for tag := range e.of(from) {
					who := fmt.Sprintf("%s at %d", p.Name(), i)
					if other := had[tag]; other != "" {
						t.Errorf("%s says what %s does", who, other)
					}
					had[tag] = who
				}
			}
		}
	})
}

// Beacons without proof, with another's, or with a wrong one are passed over: nobody goes
// where they say.
func TestForgedBeaconIsPassedOver(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		var name, proof string
		for _, a := range searchAll(t, s.seed.Net(), discovery.Query{Kind: "jxta:Beacon"}) {
			e := a.Advertisement().(*adv.Document).Element()
			name, proof = e.Value("Group"), e.Value("Proof")
		}
		if name == "" || proof == "" {
			t.Fatalf("the beacon: group %q, proof %q", name, proof)
		}
		strangers := map[string]*peer.Peer{}
		for what, p := range map[string]string{"none": "", "another's": proof, "wrong": hex.EncodeToString(make([]byte, len(proof)/2))} {
			strangers[what] = s.w.Start("stranger "+what, s.seed)
			doc := &adv.Document{Name: "jxta:Beacon", Children: []*adv.Element{
				{Name: "Id", Text: id.NewCodat(id.Net).String()}, {Name: "Group", Text: name}, {Name: "Proof", Text: p},
			}}
			if _, err := strangers[what].Net().Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
				t.Fatal(err)
			}
		}
		dave, gd := s.member("dave")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if n, err := gd.AwaitMembers(ctx, 3); err != nil {
			t.Fatalf("%d members: %v", n, err)
		}
		for what, p := range strangers {
			for _, n := range p.Net().Neighbours() {
				if n.Signer() == dave.ID() || n.Signer() == s.alice.ID() || n.Signer() == s.bob.ID() {
					t.Errorf("with the proof %s: %v has come", what, n)
				}
			}
		}
	})
}

// Anybody can publish more under the ID of an invitation. Who has it finds it nevertheless.
func TestInvitationAmongJunk(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		token := s.invite(&group.InvitationConfig{}).Token
		at := token.Lookup()
		name := id.CodatOf(id.Net, at[:]).String()
		for i := range 24 {
			p := s.w.Start(fmt.Sprintf("stranger%d", i), s.seed)
			doc := &adv.Document{Name: "jxta:Sealed", Children: []*adv.Element{{Name: "Id", Text: name}, {Name: "Data", Text: "anVuaw=="}}}
			if _, err := p.Net().Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
				t.Fatal(err)
			}
		}
		s.w.Pass(10 * time.Second)
		if n := len(searchAll(t, s.bob.Net(), discovery.Query{Kind: "jxta:Sealed", Attr: "Id", Value: name})); n < 20 {
			t.Fatalf("only %d are found", n)
		}
		for _, p := range []*peer.Peer{s.seed, s.bob} {
			if _, _, err := p.Net().OpenInvitation(t.Context(), token); err != nil {
				t.Errorf("%s: %v", p.Name(), err)
			}
		}
		if err := s.admin().RevokeInvitation(t.Context(), token, "a mistake"); err != nil {
			t.Errorf("taken back: %v", err)
		}
	})
}

// Who has the password asks an admin for a credential that does not depend on it, over the
// wire, and gets none; and out it is when the password changes.
func TestPasswordIsNotMadeMore(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		for r, err := range s.gb.Resolver().Query(t.Context(), s.alice.ID(), "credential", nil) {
			if err == nil {
				c, _ := membership.ParseChain(r.Body)
				t.Errorf("renewed: %v", c)
			}
		}
		root, err := s.alice.RootAuthority(s.ga, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := root.SetPassword(t.Context(), []byte("another horse")); err != nil {
			t.Fatal(err)
		}
		s.w.Until(seconds, "bob is out", func() bool { return len(s.ga.Neighbours()) == 0 })
	})
}
