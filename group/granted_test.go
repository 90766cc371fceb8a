package group_test

import (
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// The password does not take the place of what an admin has granted, at half of its life
// or when one joins anew.
func TestPasswordMakesNoLess(t *testing.T) {
	defer group.SetCredentialLife(10 * time.Minute)()
	besiege(t, func(t *testing.T, s *siege) {
		again := func() *group.Group {
			if err := s.bob.Leave(s.gb, false); err != nil {
				t.Fatal(err)
			}
			g, err := s.bob.Join(t.Context(), s.signed, &peer.Entry{Password: []byte(password), Remember: true})
			if err != nil {
				t.Fatal(err)
			}
			return g
		}
		s.gb = again()
		if _, err := s.admin().Grant(t.Context(), s.bob.Net().Self(), membership.Admin, 0); err != nil {
			t.Fatal(err)
		}
		for range 6 {
			s.w.Pass(4 * time.Minute)
			if st, err := s.gb.Standing(); err != nil || st.Role != membership.Admin {
				t.Fatalf("bob is %+v, %v", st, err)
			}
		}
		if _, err := again().Authority(); err != nil {
			t.Errorf("joined again: %v", err)
		}
	})
}

// What somebody has published is gone when his credential is revoked, though he was not
// named: from the index, and from what others remember.
func TestPublicationsOfWhoIsPutOutBySerial(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		carol, gc := s.member("carol")
		s.w.Until(time.Minute, "carol has a credential of her own", func() bool {
			st, err := gc.Standing()
			return err == nil && !st.Chain.Redeems()
		})
		doc := &adv.Document{Name: "Opening", Children: []*adv.Element{{Name: "Id", Text: id.NewCodat(id.Net).String()}}}
		if _, err := gc.Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
			t.Fatal(err)
		}
		q := discovery.Query{Kind: adv.Kind(doc.Name)}
		s.w.Until(time.Minute, "all find it", func() bool {
			return len(searchAll(t, s.ga, q)) == 1 && len(searchAll(t, s.gb, q)) == 1
		})
		st, err := gc.Standing()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.admin().RevokeCredential(t.Context(), st.Chain.Serial(), "a mistake"); err != nil {
			t.Fatal(err)
		}
		s.w.Until(seconds, "bob knows it", func() bool { return s.gb.Stats().Revoked == 1 })
		s.w.Pass(time.Second)
		for _, g := range []*group.Group{s.ga, s.gb} {
			if n := len(searchAll(t, g, q)); n != 0 {
				t.Errorf("%v finds %d", g.Self(), n)
			}
			for a := range g.Discovery().Local(q) {
				t.Errorf("%v remembers %v", g.Self(), a)
			}
			for _, m := range g.Members() {
				if m.Peer == carol.ID() {
					t.Errorf("%v has her as a member: %+v", g.Self(), m)
				}
			}
		}
		if _, err := gc.Connect(t.Context(), s.w.Info(s.alice)); err == nil {
			t.Error("she is let in")
		}
		if st, err := gc.Standing(); !errors.Is(err, membership.ErrRevoked) {
			t.Errorf("she takes herself for a %+v, %v", st, err)
		}
	})
}
