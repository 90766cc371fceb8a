package group

import (
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/membership"
)

// Who knows the group's secret can refuse us and show anything. That we were put out we
// believe only if it is so.
func TestProofThatWeWerePutOut(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		self, other := e.somebody(), e.somebody()
		fired, his := e.admin()
		first := e.grant(e.root, self, membership.Admin)
		e.lapse(time.Minute)
		old := e.revoked(e.root, self)
		e.lapse(time.Minute)
		own := e.grant(e.root, self, membership.Admin)
		firing := e.revoked(e.root, fired)
		e.lapse(time.Minute)
		mine := e.revoked(e.root, self)
		admin, theirs := e.admin()
		below := e.somebody()
		by := e.issuer(below, e.grant(e.issuer(self, own), below, membership.Admin))
		for _, tt := range []struct {
			what     string
			evidence []byte
			out      bool
		}{
			{"nothing", nil, false},
			{"garbage", []byte("garbage"), false},
			{"a revocation by who was put out", e.revoked(e.issuer(fired, his), self).Public(), false},
			{"one from before the credential", old.Public(), false},
			{"one of an older credential", e.revokedSerial(first).Public(), false},
			{"another's", e.revoked(e.root, other).Public(), false},
			{"one by who hangs on us", e.revoked(by, self).Public(), false},
			{"one by the root", mine.Public(), true},
			{"one by an admin", e.revoked(e.issuer(admin, theirs), self).Public(), true},
			{"one of the credential", e.revokedSerial(own).Public(), true},
		} {
			d := e.door(self, own, nil)
			e.hears(d, firing)
			out, _ := d.hearRefusal(membership.ErrRevoked, tt.evidence)
			st, err := d.standing()
			if out != tt.out || (err != nil) != tt.out {
				t.Errorf("%s: out: %t, standing %+v, %v", tt.what, out, st, err)
			}
			if err := d.refusal(); !errors.Is(err, membership.ErrRevoked) {
				t.Errorf("%s: what was said: %v", tt.what, err)
			}
		}
	})
}
