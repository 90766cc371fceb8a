package group

import (
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/membership"
)

// halfAnHour is after the middle of the life of what an estate grants.
const halfAnHour = 31 * time.Minute

// renewed has an admin renew what somebody has shown.
func (e *estate) renewed(d *door, who *somebody, by *membership.Issuer) *membership.Chain {
	e.t.Helper()
	c, err := d.renewalOf(who.id(), by)
	if err != nil {
		e.t.Fatal(err)
	}
	return c
}

// What the password has made an admin does not renew: it would outlive the password.
func TestRenewalIsNotForThePassword(t *testing.T) {
	onEstate(t, membership.Password, func(t *testing.T, e *estate) {
		admin, own := e.admin()
		d := e.door(admin, own, nil)
		who := e.somebody()
		e.comes(d, who, e.grant(e.byPassword(), who, membership.Member), 1)
		e.lapse(halfAnHour)
		if _, err := d.renewalOf(who.id(), e.issuer(admin, own)); !errors.Is(err, membership.ErrIssuer) {
			t.Errorf("renewed: %v", err)
		}
	})
}

// Nobody collects renewals, and who was not let in gets none.
func TestRenewalIsNotBeforeItsTime(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		admin, own := e.admin()
		d := e.door(admin, own, nil)
		who, by := e.somebody(), e.issuer(admin, own)
		if _, err := d.renewalOf(who.id(), by); !errors.Is(err, membership.ErrNoCredential) {
			t.Errorf("of who is not known: %v", err)
		}
		e.comes(d, who, e.grant(e.root, who, membership.Member), 1)
		if _, err := d.renewalOf(who.id(), by); err == nil {
			t.Error("renewed at once")
		}
		e.lapse(halfAnHour)
		fresh := e.renewed(d, who, by)
		e.comes(d, who, fresh, 2)
		if _, err := d.renewalOf(who.id(), by); err == nil {
			t.Error("renewed once more at once")
		}
	})
}

// A renewal falls with all that the renewed one falls with, whoever has made it and
// however late; and so does the renewal of a renewal.
func TestRenewalFallsWithWhatItRenews(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		type line struct {
			delegate, who *somebody
			first         *membership.Chain
			invitation    *membership.Chain
		}
		granted := func(l *line) {
			l.first = e.grant(e.issuer(l.delegate, e.grant(e.root, l.delegate, membership.Admin)), l.who, membership.Admin)
		}
		invited := func(l *line) {
			var by *membership.Issuer
			l.invitation, by = e.invitation(membership.Member, 3)
			l.first = e.grant(by, l.who, membership.Member)
		}
		for _, tt := range []struct {
			what string
			made func(*line)
			out  func(*line) *membership.Record
		}{
			{"the delegate", granted, func(l *line) *membership.Record { return e.revoked(e.root, l.delegate) }},
			{"the peer", granted, func(l *line) *membership.Record { return e.revoked(e.root, l.who) }},
			{"the credential", granted, func(l *line) *membership.Record { return e.revokedSerial(l.first) }},
			{"the invitation", invited, func(l *line) *membership.Record { return e.revokedSerial(l.invitation) }},
			{"the credential of the invitation", invited, func(l *line) *membership.Record { return e.revokedSerial(l.first) }},
			{"the peer that was invited", invited, func(l *line) *membership.Record { return e.revoked(e.root, l.who) }},
		} {
			l := &line{delegate: e.somebody(), who: e.somebody()}
			tt.made(l)
			admin, own := e.admin()
			d, far := e.door(admin, own, nil), e.door(admin, own, nil)
			e.comes(d, l.who, l.first, 1)
			e.lapse(halfAnHour)
			out := tt.out(l) // made elsewhere: this admin has not heard of it
			e.lapse(time.Second)
			once := e.renewed(d, l.who, e.issuer(admin, own))
			e.comes(d, l.who, once, 2)
			e.comes(far, l.who, once, 2)
			e.lapse(halfAnHour/2 + halfAnHour/4)
			e.hears(far, out)
			e.refused(far, l.who, once, 3, membership.ErrRevoked)
			if _, err := far.renewalOf(l.who.id(), e.issuer(admin, own)); err == nil {
				t.Errorf("with %s: renewed again by who has heard", tt.what)
			}
			if err := far.Barred(l.who.id()); !errors.Is(err, membership.ErrRevoked) {
				t.Errorf("with %s: barred because of %v", tt.what, err)
			}
			late, err := e.issuer(admin, own).Grant(l.who.public, once.Role(), time.Now(), time.Hour, once.Sources()...)
			if err != nil {
				t.Fatal(err)
			}
			e.refused(far, l.who, late, 4, membership.ErrRevoked)
			e.comes(far, l.who, e.grant(e.root, l.who, membership.Member), 5) // a grant is another matter
		}
	})
}

// Who has an invitation says himself when he has used it. However late he says that it
// was, what an admin makes of it falls with him.
func TestRenewalOfWhatWasPostdated(t *testing.T) {
	onEstate(t, membership.Invite, func(t *testing.T, e *estate) {
		admin, own := e.admin()
		d := e.door(admin, own, nil)
		who := e.somebody()
		_, by := e.invitation(membership.Member, 1)
		e.comes(d, who, e.grantAt(by, who, membership.Member, time.Now().Add(membership.Skew-time.Second)), 1)
		out := e.revoked(e.root, who) // by who has not seen that one
		e.lapse(time.Second)
		fresh := e.renewed(d, who, e.issuer(admin, own))
		e.hears(d, out)
		e.refused(d, who, fresh, 2, membership.ErrRevoked)
	})
}
