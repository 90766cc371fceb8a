package membership

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// known returns a ledger that holds the records.
func known(t *testing.T, p *Policy, records ...*Record) *Ledger {
	t.Helper()
	l := NewLedger(p)
	for _, r := range records {
		if fresh, err := l.Add(now, r); !fresh || err != nil {
			t.Fatalf("%v: fresh %t, %v", r, fresh, err)
		}
	}
	return l
}

// out revokes a peer. ago is in hours.
func out(is *Issuer, who string, ago time.Duration) *Record {
	return must(is.RevokePeer(peerOf(who), now.Add(-ago*time.Hour), "spam"))
}

func outSerial(is *Issuer, s Serial, ago time.Duration) *Record {
	return must(is.RevokeCredential(s, now.Add(-ago*time.Hour), "lost"))
}

func TestAdmitRevoked(t *testing.T) {
	root := by("root", nil)
	adminChain := granted(root, "admin", Admin)
	admin := by("admin", adminChain)
	carls := granted(admin, "carl", Member)
	invitation := invited(admin, 5)
	byInvitation := func(ago time.Duration) *Chain {
		return must(by("invitation", invitation).Grant(pub("carl"), Member, now.Add(-ago*time.Hour), day))
	}
	byPassword := func(ago time.Duration) *Chain {
		return must(by("pass", nil).Grant(pub("carl"), Member, now.Add(-ago*time.Hour), day))
	}
	again := func(ago time.Duration) *Chain {
		return must(root.Grant(pub("carl"), Member, now.Add(-ago*time.Hour), day))
	}
	renewed := must(root.Grant(pub("carl"), Member, now, day, Origin{Serial: invitation.Serial()}))
	renewal := must(root.Grant(pub("carl"), Member, now, day, carls.Sources()...))
	renewalAgain := must(root.Grant(pub("carl"), Member, now, day, renewal.Sources()...))
	tests := []struct {
		name    string
		records []*Record
		chain   *Chain
		want    error
	}{
		{"nobody", nil, carls, nil},
		{"another", []*Record{out(root, "bob", 1)}, carls, nil},
		{"the peer", []*Record{out(root, "carl", 1)}, carls, ErrRevoked},
		{"the peer, by an admin", []*Record{out(admin, "carl", 1)}, carls, ErrRevoked},
		{"the admin above", []*Record{out(root, "admin", 1)}, carls, ErrRevoked},
		{"the credential", []*Record{outSerial(root, carls.Serial(), 1)}, carls, ErrRevoked},
		{"the credential, before it was issued", []*Record{outSerial(root, carls.Serial(), 100)}, carls, ErrRevoked},
		{"the admin's credential", []*Record{outSerial(root, adminChain.Serial(), 1)}, carls, ErrRevoked},
		{"the invitation", []*Record{outSerial(admin, invitation.Serial(), 1)}, byInvitation(0), ErrRevoked},
		{"the invitation it came of", []*Record{outSerial(admin, invitation.Serial(), 1)}, renewed, ErrRevoked},

		{"granted again", []*Record{out(root, "carl", 1)}, again(0), nil},
		{"granted at the same time", []*Record{out(root, "carl", 1)}, again(1), ErrRevoked},
		{"granted again, and revoked again", []*Record{out(root, "carl", 2), out(root, "carl", 0)}, again(1), ErrRevoked},
		{"revoked again before", []*Record{out(root, "carl", 3), out(root, "carl", 2)}, again(1), nil},
		{"backdated", []*Record{out(root, "carl", 1)}, again(2), ErrRevoked},
		{"credential, and granted again", []*Record{outSerial(root, carls.Serial(), 1)}, again(0), nil},

		{"renewed, and not revoked", []*Record{out(root, "carl", 1000)}, renewal, nil},
		{"renewed since", []*Record{out(root, "carl", 1)}, renewal, ErrRevoked},
		{"renewed by another, since the admin was revoked", []*Record{out(root, "admin", 1)}, renewal, ErrRevoked},
		{"renewed twice", []*Record{out(root, "admin", 1)}, renewalAgain, ErrRevoked},
		{"renewed, and what it renews revoked", []*Record{outSerial(root, carls.Serial(), 1)}, renewalAgain, ErrRevoked},
		{"renewed of the admin's credential", []*Record{outSerial(root, adminChain.Serial(), 1)}, renewal, ErrRevoked},

		{"invitation used before", []*Record{out(root, "carl", 1)}, byInvitation(2), ErrRevoked},
		{"invitation used again", []*Record{out(root, "carl", 1)}, byInvitation(0), ErrRevoked},
		{"password used before", []*Record{out(root, "carl", 1)}, byPassword(2), ErrRevoked},
		{"password used again", []*Record{out(root, "carl", 1)}, byPassword(0), ErrRevoked},
		{"password of another", []*Record{out(root, "bob", 1)}, byPassword(0), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := known(t, policyOf(Password), tt.records...)
			_, err := l.Admit(now, tt.chain, pub("carl"))
			wantErr(t, err, tt.want)
		})
	}
}

func TestAdmitOpen(t *testing.T) {
	root := by("root", nil)
	l := known(t, policyOf(Open), out(root, "carl", 1))
	s, err := l.Admit(now, nil, pub("bob"))
	if err != nil || s.Role != Member || !s.Until.IsZero() || s.Chain != nil || s.Redeem != nil {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = l.Admit(now, nil, pub("carl"))
	wantErr(t, err, ErrRevoked)
	_, err = l.Admit(now, granted(root, "carl", Admin), pub("carl"))
	wantErr(t, err, ErrRevoked)
	s, err = l.Admit(now, must(root.Grant(pub("carl"), Guest, now, day)), pub("carl"))
	if err != nil || s.Role != Guest {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = l.Admit(now, granted(by("thief", nil), "bob", Admin), pub("bob"))
	wantErr(t, err, ErrForged)
	for _, m := range []Method{Password, Invite, Root} {
		_, err := NewLedger(policyOf(m)).Admit(now, nil, pub("bob"))
		wantErr(t, err, ErrNoCredential)
	}
}

func TestEffective(t *testing.T) {
	root := by("root", nil)
	admin := by("admin", granted(root, "admin", Admin))
	second := by("second", granted(admin, "second", Admin))
	other := by("other", granted(root, "other", Admin))
	inviting := must(root.Invite(pub("invitation"), Admin, 5, now.Add(-day), now.Add(day), 30*day, id.Peer{}))
	byInvitation := func(ago time.Duration) *Issuer {
		return by("self", must(by("invitation", inviting).Grant(pub("self"), Admin, now.Add(-ago*time.Hour), day)))
	}
	renewed := by("renewed", must(root.Grant(pub("renewed"), Admin, now.Add(-day), 30*day, Origin{Serial: inviting.Serial()})))
	tests := []struct {
		name    string
		records []*Record
		want    []string // who is out
	}{
		{"the root", []*Record{out(root, "carl", 1)}, []string{"carl"}},
		{"an admin of an admin", []*Record{out(second, "carl", 1)}, []string{"carl"}},
		{"an admin, before it is out", []*Record{out(admin, "carl", 2), out(root, "admin", 1)}, []string{"carl", "admin"}},
		{"an admin, after it is out", []*Record{out(root, "admin", 2), out(admin, "carl", 1)}, []string{"admin"}},
		{"below an admin, after that is out", []*Record{out(root, "admin", 2), out(second, "carl", 1)}, []string{"admin"}},
		{"an admin, after its credential is out", []*Record{outSerial(root, admin.Chain.Serial(), 2), out(admin, "carl", 1)}, nil},
		{"an admin, after the one above it is", []*Record{outSerial(root, admin.Chain.Serial(), 2), out(second, "carl", 1)}, nil},
		{"one that is not effective puts nobody out", []*Record{out(root, "admin", 3), out(admin, "other", 2), out(other, "carl", 1)}, []string{"admin", "carl"}},
		{"two each other: the first", []*Record{out(admin, "other", 2), out(other, "admin", 1)}, []string{"other"}},
		{"the one above", []*Record{out(second, "admin", 1)}, nil},
		{"the credential above", []*Record{outSerial(second, admin.Chain.Serial(), 1), out(admin, "carl", 0)}, []string{"carl"}},
		{"itself", []*Record{out(second, "second", 1)}, []string{"second"}},
		{"below itself", []*Record{out(admin, "second", 1)}, []string{"second"}},
		{"beside itself", []*Record{out(second, "other", 1)}, []string{"other"}},
		{"the root by an admin", []*Record{out(admin, "root", 1)}, nil},
		{"the root by the root", []*Record{out(root, "root", 1)}, nil},
		{"by invitation", []*Record{out(byInvitation(5), "carl", 1)}, []string{"carl"}},
		{"by invitation, itself invited again", []*Record{out(root, "self", 3), out(byInvitation(2), "carl", 1)}, []string{"self"}},
		{"the invitation by who was invited", []*Record{outSerial(byInvitation(5), inviting.Serial(), 2), out(renewed, "carl", 1)}, []string{"carl"}},
		{"after the invitation it came of is out", []*Record{outSerial(root, inviting.Serial(), 2), out(renewed, "carl", 1)}, nil},
		{"admin again", []*Record{
			out(root, "admin", 3), out(by("admin", must(root.Grant(pub("admin"), Admin, now.Add(-2*time.Hour), day))), "carl", 1),
		}, []string{"admin", "carl"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := known(t, policyOf(Root), tt.records...)
			for _, who := range []string{"root", "admin", "second", "other", "self", "carl", "renewed"} {
				if got, want := l.Revoked(peerOf(who)), slices.Contains(tt.want, who); got != want {
					t.Errorf("%s is out: %t, want %t", who, got, want)
				}
				if r := l.RevocationOf(peerOf(who)); (r != nil) != l.Revoked(peerOf(who)) {
					t.Errorf("the revocation of %s is %v", who, r)
				}
			}
			if l.Len() != len(tt.records) {
				t.Errorf("%d of %d records are kept", l.Len(), len(tt.records))
			}
		})
	}
}

// TestRootIsNotRevoked sees that nobody puts out the root, not by a credential that it
// may have given itself either.
func TestRootIsNotRevoked(t *testing.T) {
	self := granted(by("root", nil), "root", Admin)
	admin := by("admin", granted(by("root", nil), "admin", Admin))
	l := known(t, policyOf(Root), outSerial(admin, self.Serial(), 1), out(admin, "root", 1))
	_, err := l.Admit(now, self, pub("root"))
	wantErr(t, err, nil)
}

func TestAddRefuses(t *testing.T) {
	root := by("root", nil)
	admin := by("admin", granted(root, "admin", Admin))
	good := out(admin, "carl", 1)
	change := func(f func(r *revocation)) *Record {
		r := *good.revocation
		f(&r)
		return &Record{id: idOf(r.bytes(nil)), revocation: &r}
	}
	late := must(admin.RevokePeer(peerOf("carl"), now.Add(400*day), ""))
	foreignRoot := &Issuer{Key: keyOf("root"), Group: groupOf("other")}
	leaf := must(by("invitation", invited(root, 1)).Grant(pub("carl"), Member, now.Add(Skew+time.Second), day))
	forgedLeaf := forge(
		forgery{keyOf("root"), Credential{Subject: pub("invitation"), Kind: KindInvitation}},
		forgery{keyOf("thief"), Credential{Subject: pub("carl")}},
	)
	tests := []struct {
		name   string
		record *Record
		want   error
	}{
		{"good", good, nil},
		{"foreign", out(foreignRoot, "carl", 1), ErrForeign},
		{"by nobody", out(by("thief", nil), "carl", 1), ErrIssuer},
		{"by the password", out(by("pass", nil), "carl", 1), ErrIssuer},
		{"by an admin of nobody", out(by("x", granted(by("thief", nil), "x", Admin)), "carl", 1), ErrForged},
		{"in the future", out(root, "carl", -1), ErrClock},
		{"with the skew", must(root.RevokePeer(peerOf("carl"), now.Add(Skew), "")), nil},
		{"before the admin was one", out(admin, "carl", 24*30), ErrClock},
		{"after the admin expired", late, ErrExpired},
		{"forged", change(func(r *revocation) { r.signature = bytes.Clone(r.signature); r.signature[3]++ }), ErrForged},
		{"changed", change(func(r *revocation) { r.raw = bytes.Clone(r.raw); r.raw[4]++ }), ErrForged},
		{"another secret", change(func(r *revocation) { r.secret = NewSecret() }), ErrForged},
		{"no secret", must(ParseRecord(good.Public())), ErrMalformed},
		{"redemption in the future", must(newRedemption(leaf)), ErrClock},
		{"forged redemption", must(newRedemption(forgedLeaf)), ErrForged},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLedger(policyOf(Password))
			at := now
			if tt.record == late {
				at = now.Add(401 * day)
			}
			fresh, err := l.Add(at, tt.record)
			wantErr(t, err, tt.want)
			if fresh != (err == nil) || l.Has(tt.record.ID()) != fresh {
				t.Errorf("fresh: %t, has: %t", fresh, l.Has(tt.record.ID()))
			}
		})
	}
	// Who is put out can see why without the secret.
	wantErr(t, policyOf(Password).Verify(must(ParseRecord(good.Public())), now), nil)
}

// TestLedgerSets looks at the set of records as others see it.
func TestLedgerSets(t *testing.T) {
	root := by("root", nil)
	a, b := out(root, "a", 2), out(root, "b", 1)
	l := known(t, policyOf(Root), a, b)
	if fresh, err := l.Add(now, must(ParseRecord(a.Bytes()))); fresh || err != nil {
		t.Errorf("again: %t, %v", fresh, err)
	}
	if fresh, err := l.Add(now, must(ParseRecord(b.Public()))); fresh || err != nil {
		t.Errorf("again without the secret: %t, %v", fresh, err)
	}
	if l.Get(a.ID()) != a || l.Get(RecordID{}) != nil || l.Len() != 2 || !slices.IsSortedFunc(l.IDs(), compareIDs) {
		t.Errorf("holds %v", l.IDs())
	}
	revs := l.Revocations()
	if len(revs) != 2 || revs[0].Peer != peerOf("a") || revs[1].Reason != "spam" || !revs[1].By.Equal(pub("root")) {
		t.Errorf("revocations %+v", revs)
	}
	// An older ledger is replayed: nothing is lost.
	old := known(t, policyOf(Root), a)
	_, before := l.Epoch()
	for _, v := range old.IDs() {
		if _, err := l.Add(now, old.Get(v)); err != nil {
			t.Fatal(err)
		}
	}
	if _, after := l.Epoch(); !bytes.Equal(before, after) || l.Len() != 2 || old.Digest() == l.Digest() {
		t.Error("an older ledger has changed a newer one")
	}
}

func TestEpoch(t *testing.T) {
	root := by("root", nil)
	l := NewLedger(policyOf(Root))
	if v, key := l.Epoch(); v != ([8]byte{}) || key != nil {
		t.Errorf("the epoch of no revocations is %x, %x", v, key)
	}
	seen := map[string]bool{}
	admin := by("admin", granted(root, "admin", Admin))
	for _, r := range []*Record{out(root, "a", 2), out(root, "admin", 3), out(admin, "b", 1)} {
		if _, err := l.Add(now, r); err != nil {
			t.Fatal(err)
		}
		v, key := l.Epoch()
		if seen[string(v[:])] || seen[string(key)] || len(key) != 32 {
			t.Errorf("epoch %x, %x", v, key)
		}
		seen[string(v[:])], seen[string(key)] = true, true
	}
	v, _ := l.Epoch()
	redeem(t, l, by("invitation", invited(root, 1)), "carl", nil)
	if after, _ := l.Epoch(); after != v {
		t.Error("a redemption has changed the epoch")
	}
}

func TestSetPolicy(t *testing.T) {
	l := NewLedger(policyOf(Password))
	newer, foreign, stolen := policyOf(Invite), policyOf(Invite), policyOf(Invite)
	newer.Seq, foreign.Seq, stolen.Seq = 2, 3, 3
	foreign.Group, stolen.Root = groupOf("other"), pub("thief")
	l.SetPolicy(policyOf(Invite))
	l.SetPolicy(foreign)
	l.SetPolicy(stolen)
	if l.Policy().Method != Password {
		t.Errorf("the policy is %+v", l.Policy())
	}
	l.SetPolicy(newer)
	l.SetPolicy(policyOf(Password))
	if l.Policy() != newer {
		t.Errorf("the policy is %+v", l.Policy())
	}
	c := granted(by("pass", nil), "carl", Member)
	if _, err := l.Admit(now, c, pub("carl")); !errors.Is(err, ErrForged) {
		t.Errorf("by the old password: %v", err)
	}
}
