package group

import (
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/membership"
)

// Anybody can hand us a credential. It takes the place of ours only if an admin has made
// it, it is newer, and it makes no less of us, unless ours was revoked.
func TestHandedCredentialIsNoWorse(t *testing.T) {
	onEstate(t, membership.Password, func(t *testing.T, e *estate) {
		self := e.somebody()
		older := e.grant(e.root, self, membership.Admin)
		e.lapse(time.Minute)
		own := e.grant(e.root, self, membership.Admin)
		admin, theirs := e.admin()
		fired, his := e.admin()
		e.lapse(time.Minute)
		e.setPolicy(membership.Password, "another horse")
		old := *e.pass
		e.setPolicy(membership.Password, "correct horse")
		_, guests := e.invitation(membership.Guest, 5)
		_, admins := e.invitation(membership.Admin, 5)
		d := e.door(self, own, nil)
		e.hears(d, e.revoked(e.root, fired))
		e.lapse(time.Minute)
		other := e.somebody()
		tests := []struct {
			what       string
			c          *membership.Chain
			revocation []byte
			taken      bool
		}{
			{"by the password", e.grant(e.byPassword(), self, membership.Member), nil, false},
			{"by an older password", e.grant(&membership.Issuer{Key: old.Key(), Group: e.doc.GID}, self, membership.Member), nil, false},
			{"by an invitation, lower", e.grant(guests, self, membership.Guest), nil, false},
			{"by an invitation, as high", e.grant(admins, self, membership.Admin), nil, false},
			{"what it had before", older, nil, false},
			{"the same", own, nil, false},
			{"lower", e.grant(e.root, self, membership.Member), nil, false},
			{"lower, and others are put out", e.grant(e.root, self, membership.Member), e.revoked(e.root, other).Public(), false},
			{"lower, and who was put out says why", e.grant(e.root, self, membership.Member), e.revoked(e.issuer(fired, his), self).Public(), false},
			{"by who was put out", e.grant(e.issuer(fired, his), self, membership.Admin), nil, false},
			{"of another", e.grant(e.root, other, membership.Admin), nil, false},
			{"as high, by an admin", e.grant(e.issuer(admin, theirs), self, membership.Admin), nil, true},
		}
		for _, tt := range tests {
			if err := d.acceptable(tt.c, tt.revocation); (err == nil) != tt.taken {
				t.Errorf("%s: %v", tt.what, err)
			}
		}
		demotion := e.revoked(e.root, self)
		e.lapse(time.Minute)
		less := e.grant(e.root, self, membership.Guest)
		if err := d.acceptable(less, demotion.Public()); err != nil {
			t.Errorf("a lower one, in place of one that was revoked: %v", err)
		}
		e.hears(d, demotion)
		if err := d.acceptable(less, nil); err != nil {
			t.Errorf("the same, and the revocation is known: %v", err)
		}
		for what, c := range map[string]*membership.Chain{"what was revoked": own, "what was before": older} {
			if err := d.acceptable(c, nil); err == nil {
				t.Errorf("%s is taken", what)
			}
		}
	})
}

// In an open group, too, what a peer had once is not handed to it again.
func TestHandedCredentialOfAnOpenGroup(t *testing.T) {
	onEstate(t, membership.Open, func(t *testing.T, e *estate) {
		self := e.somebody()
		older := e.grant(e.root, self, membership.Guest)
		e.lapse(time.Minute)
		d := e.door(self, e.grant(e.root, self, membership.Admin), nil)
		if err := d.acceptable(older, nil); err == nil {
			t.Error("an older one is taken")
		}
	})
}

// What is handed over is weighed by the version of the advertisement that we know, not by
// one that is shown with it.
func TestHandedCredentialOfAnOldPassword(t *testing.T) {
	onEstate(t, membership.Password, func(t *testing.T, e *estate) {
		self := e.somebody()
		before, by := e.signed(), e.byPassword()
		h := &membership.Invitation{Chain: e.grant(by, self, membership.Member), Secret: e.secret}
		if err := checkGrant(before, h, self.public); err == nil {
			t.Error("what the password has made was granted by nobody")
		}
		e.setPolicy(membership.Password, "another horse")
		d := e.door(self, nil, nil)
		if err := d.acceptable(h.Chain, nil); err == nil {
			t.Error("what the old password has made is taken")
		}
	})
}
