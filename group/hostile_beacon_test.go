package group_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
)

// The names of beacons can be read in the parent group's index, so anybody can put up
// more. Who comes finds the group nevertheless.
func TestBeaconsOfStrangers(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		var seen string
		for _, a := range searchAll(t, s.seed.Net(), discovery.Query{Kind: "jxta:Beacon"}) {
			seen = a.Advertisement().(*adv.Document).Element().Value("Group")
		}
		if seen == "" {
			t.Fatal("no beacon")
		}
		for i := range 30 {
			p := s.w.Start(fmt.Sprintf("stranger%d", i), s.seed)
			doc := &adv.Document{Name: "jxta:Beacon", Children: []*adv.Element{
				{Name: "Id", Text: id.NewCodat(id.Net).String()}, {Name: "Group", Text: seen},
			}}
			if _, err := p.Net().Discovery().Publish(t.Context(), doc, 0, 0); err != nil {
				t.Fatal(err)
			}
		}
		inv := s.invite(&group.InvitationConfig{})
		dave := s.w.Start("dave", s.seed)
		s.w.Settle(dave)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		begun := time.Now()
		gd, err := dave.Join(ctx, s.signed, &peer.Entry{Token: &inv.Token})
		if err != nil {
			t.Fatalf("after %v: %v", time.Since(begun), err)
		}
		if n, err := gd.AwaitMembers(ctx, 3); err != nil {
			t.Errorf("%d members: %v", n, err)
		}
		t.Logf("in the group after %v", time.Since(begun))
		s.unharmed("beacons")
	})
}
