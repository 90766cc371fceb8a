package membership

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"
)

// redeem admits somebody by an invitation, wants an error, and adds the record.
func redeem(t *testing.T, l *Ledger, invitation *Issuer, who string, want error) {
	t.Helper()
	c, err := invitation.Grant(pub(who), Member, now, 2*day)
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Admit(now, c, pub(who))
	wantErr(t, err, want)
	if err != nil {
		return
	}
	if s.Redeem == nil {
		t.Fatalf("%s was admitted for nothing", who)
	}
	if fresh, err := l.Add(now, must(ParseRecord(s.Redeem.Bytes()))); !fresh || err != nil {
		t.Fatalf("the redemption by %s: fresh %t, %v", who, fresh, err)
	}
}

func TestRedeem(t *testing.T) {
	invitation := by("invitation", invited(by("root", nil), 2))
	l := NewLedger(policyOf(Invite))
	redeem(t, l, invitation, "a", nil)
	digest := l.Digest()

	// Again, with another leaf: it is one redemption.
	again := must(invitation.Grant(pub("a"), Member, now.Add(-time.Hour), day))
	s, err := l.Admit(now, again, pub("a"))
	if err != nil || s.Redeem != nil {
		t.Fatalf("%+v, %v", s, err)
	}
	if fresh, err := l.Add(now, must(newRedemption(again))); fresh || err != nil || l.Digest() != digest {
		t.Errorf("again: fresh %t, %v", fresh, err)
	}

	redeem(t, l, invitation, "b", nil)
	redeem(t, l, invitation, "c", ErrSpent)
	who := l.Redeemed(invitation.Chain.Serial())
	if len(who) != 2 || !containsKey(who, "a") || !containsKey(who, "b") {
		t.Errorf("redeemed by %x", who)
	}
	if l.Redeemed(Serial{}) != nil {
		t.Error("an unknown invitation was redeemed")
	}

	// After the invitation expired, who has redeemed it is still a member.
	later := now.Add(day + time.Minute)
	mine := must(invitation.Grant(pub("a"), Member, now, 20*day))
	if _, err := l.Admit(later, mine, pub("a")); err != nil {
		t.Error(err)
	}
	fresh := NewLedger(policyOf(Invite))
	if _, err := fresh.Admit(later, mine, pub("a")); err == nil || Code(err) != Code(ErrInvitationExpired) {
		t.Errorf("redeemed too late: %v", err)
	}
	// At its last moment it may be redeemed.
	if _, err := fresh.Admit(invitation.Chain.Expires(), mine, pub("a")); err != nil {
		t.Error(err)
	}
}

// TestRedemptionsOfPartitions sees that the union of what two halves of a group know
// may exceed the uses, up to twice as many.
func TestRedemptionsOfPartitions(t *testing.T) {
	invitation := by("invitation", invited(by("root", nil), 2))
	west, east := NewLedger(policyOf(Invite)), NewLedger(policyOf(Invite))
	for i, l := range []*Ledger{west, west, east, east} {
		redeem(t, l, invitation, fmt.Sprint(i), nil)
	}
	for _, v := range east.IDs() {
		if _, err := west.Add(now, east.Get(v)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(west.Redeemed(invitation.Chain.Serial())); n != 4 {
		t.Errorf("%d redemptions", n)
	}
	redeem(t, west, invitation, "late", ErrSpent)
	more := must(newRedemption(must(invitation.Grant(pub("late"), Member, now, day))))
	_, err := west.Add(now, more)
	wantErr(t, err, ErrFull)
	for i := range 4 {
		c := must(invitation.Grant(pub(fmt.Sprint(i)), Member, now, day))
		if s, err := west.Admit(now, c, pub(fmt.Sprint(i))); err != nil || s.Redeem != nil {
			t.Errorf("%d: %+v, %v", i, s, err)
		}
	}
}

func TestRedemptionIsJudgedAtItsTime(t *testing.T) {
	invitation := by("invitation", invited(by("root", nil), 2))
	r := must(newRedemption(must(invitation.Grant(pub("a"), Member, now, day))))
	l := NewLedger(policyOf(Invite))
	if fresh, err := l.Add(now.Add(300*day), r); !fresh || err != nil {
		t.Errorf("fresh %t, %v", fresh, err)
	}
}

// TestBounds fills a ledger with one record many times, which no Add would do.
func TestBounds(t *testing.T) {
	root := by("root", nil)
	admin := by("admin", granted(root, "admin", Admin))
	below := by("below", granted(admin, "below", Admin))
	other := by("other", granted(root, "other", Admin))
	fill := func(n, byAdmin int) *Ledger {
		r := out(root, "bob", 2)
		l := known(t, policyOf(Root), r)
		l.revocations = slices.Repeat([]*Record{r}, n)
		l.ids = slices.Repeat([]RecordID{r.id}, n)
		l.byAdmin[peerOf("admin")], l.byAdmin[peerOf("others")] = byAdmin, n-byAdmin
		return l
	}
	tests := []struct {
		name string
		l    *Ledger
		is   *Issuer
		want error
	}{
		{"by an admin", fill(maxByAdmin, maxByAdmin-1), admin, nil},
		{"more by an admin", fill(maxByAdmin, maxByAdmin), admin, ErrFull},
		{"more by one below it", fill(maxByAdmin, maxByAdmin), below, ErrFull},
		{"by another admin", fill(maxByAdmin, maxByAdmin), other, nil},
		{"the last by an admin", fill(MaxRevocations-reservedForRoot-1, 0), other, nil},
		{"what is reserved", fill(MaxRevocations-reservedForRoot, 0), other, ErrFull},
		{"by the root", fill(MaxRevocations-reservedForRoot, 0), root, nil},
		{"the last by the root", fill(MaxRevocations-1, 0), root, nil},
		{"more by the root", fill(MaxRevocations, 0), root, ErrFull},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.l.Add(now, out(tt.is, "carl", 1))
			wantErr(t, err, tt.want)
		})
	}
	l := NewLedger(policyOf(Root))
	l.ids = make([]RecordID, MaxRedemptions)
	c := must(by("invitation", invited(root, 1)).Grant(pub("a"), Member, now, day))
	_, err := l.Add(now, must(newRedemption(c)))
	wantErr(t, err, ErrFull)
	_, err = l.Admit(now, c, pub("a"))
	wantErr(t, err, ErrFull)
}

// TestCountByAdmin sees that Add counts what it bounds.
func TestCountByAdmin(t *testing.T) {
	root := by("root", nil)
	admin := by("admin", granted(root, "admin", Admin))
	below := by("below", granted(admin, "below", Admin))
	l := known(t, policyOf(Root), out(admin, "a", 1), out(below, "b", 1), out(root, "c", 1))
	if len(l.byAdmin) != 1 || l.byAdmin[peerOf("admin")] != 2 {
		t.Errorf("counted %v", l.byAdmin)
	}
}

func containsKey(keys []ed25519.PublicKey, who string) bool {
	return slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(pub(who)) })
}
