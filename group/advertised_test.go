package group

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// Anybody can show what a peer has said of itself before. It sets nothing back.
func TestOlderAdvertisementSetsNothingBack(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		self, own := e.admin()
		d := e.door(self, own, nil)
		who := e.somebody()
		void := e.shown(who, e.grant(e.root, who, membership.Member), 1)
		e.hears(d, e.revoked(e.root, who))
		e.lapse(time.Minute)
		guest := e.shown(who, e.grant(e.root, who, membership.Guest), 2)
		now := e.grant(e.root, who, membership.Admin)
		e.comes(d, who, now, 3)
		if err := d.Vet(guest); err != nil {
			t.Errorf("an older one: %v", err)
		}
		if err := d.Vet(void); !errors.Is(err, membership.ErrRevoked) {
			t.Errorf("one that was revoked: %v", err)
		}
		if err := d.Admit(guest); err != nil {
			t.Errorf("an older one, by itself: %v", err)
		}
		if err := d.Barred(who.id()); err != nil {
			t.Errorf("barred: %v", err)
		}
		if r := d.roleOf(who.id()); r != membership.Admin {
			t.Errorf("its role is %v", r)
		}
		e.lapse(halfAnHour)
		if c := e.renewed(d, who, e.issuer(self, own)); c.Role() != membership.Admin {
			t.Errorf("renewed as a %v", c.Role())
		}
		e.comes(d, who, e.grant(e.root, who, membership.Guest), 4)
		if err := d.Barred(who.id()); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("a newer one: %v", err)
		}
	})
}

// Who is put out by what he hangs on is put out as if he had been named: barred, vetted no
// more, and what he has published is dropped.
func TestPutOutWithoutBeingNamed(t *testing.T) {
	onEstate(t, membership.Invite, func(t *testing.T, e *estate) {
		delegate, theirs := e.admin()
		invitation, token := e.invitation(membership.Member, 5)
		for what, tt := range map[string]struct {
			by  *membership.Issuer
			out func(*membership.Chain) *membership.Record
		}{
			"by serial":      {e.root, e.revokedSerial},
			"by delegate":    {e.issuer(delegate, theirs), func(*membership.Chain) *membership.Record { return e.revoked(e.root, delegate) }},
			"by invitation":  {token, func(*membership.Chain) *membership.Record { return e.revokedSerial(invitation) }},
			"by its own key": {token, e.revokedSerial},
		} {
			self, own := e.admin()
			d := e.door(self, own, nil)
			who, other := e.somebody(), e.somebody()
			c := e.grant(tt.by, who, membership.Member)
			e.comes(d, who, c, 1)
			e.comes(d, other, e.grant(e.root, other, membership.Member), 1)
			e.hears(d, tt.out(c))
			doc := &adv.Document{Name: "news", Children: []*adv.Element{{Name: "Id", Text: id.NewCodat(id.Net).String()}}}
			if err := d.Barred(who.id()); !errors.Is(err, membership.ErrRevoked) {
				t.Errorf("%s: barred because of %v", what, err)
			}
			if err := d.Vet(e.shown(who, c, 2)); !errors.Is(err, membership.ErrRevoked) {
				t.Errorf("%s: what it says of itself: %v", what, err)
			}
			if err := d.Vet(e.sign(who.key, doc, 1)); !errors.Is(err, membership.ErrRevoked) {
				t.Errorf("%s: what it publishes: %v", what, err)
			}
			if all := d.takeDropped(); len(all) == 0 || all[0] != who.id() {
				t.Errorf("%s: dropped is what is of %v", what, all)
			}
			if err := d.Barred(other.id()); err != nil {
				t.Errorf("%s: another is barred: %v", what, err)
			}
			e.lapse(time.Second)
			e.comes(d, who, e.grant(e.root, who, membership.Member), 3)
			if err := d.Barred(who.id()); err != nil {
				t.Errorf("%s: granted again, and barred: %v", what, err)
			}
		}
	})
}

// An invitation is for so many, also if more come at once.
func TestInvitationUsedAtOnce(t *testing.T) {
	onEstate(t, membership.Invite, func(t *testing.T, e *estate) {
		self, own := e.admin()
		for _, uses := range []int{1, 3} {
			for range 20 {
				d := e.door(self, own, nil)
				invitation, token := e.invitation(membership.Member, uses)
				var mu sync.Mutex
				var in []id.Peer
				var coming sync.WaitGroup
				for range 24 {
					who := e.somebody()
					a := e.shown(who, e.grant(token, who, membership.Member), 1)
					coming.Go(func() {
						err := d.Admit(a)
						mu.Lock()
						defer mu.Unlock()
						if err == nil {
							in = append(in, who.id())
						} else if !errors.Is(err, membership.ErrSpent) {
							t.Error(err)
						}
					})
				}
				coming.Wait()
				if used := d.ledger.Redeemed(invitation.Serial()); len(in) != uses || len(used) != uses || len(d.roster) != uses {
					t.Fatalf("an invitation for %d let %d in, %d say that they have used it, and %d are known", uses, len(in), len(used), len(d.roster))
				}
			}
		}
	})
}
