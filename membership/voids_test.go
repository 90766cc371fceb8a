package membership

import (
	"testing"
	"time"
)

// What somebody is shown as proof that he was put out has to be one.
func TestVoids(t *testing.T) {
	root := by("root", nil)
	admin := by("admin", granted(root, "admin", Admin))
	carls := granted(admin, "carl", Member) // of a day ago
	again := must(root.Grant(pub("carl"), Member, now, day))
	fired := known(t, policyOf(Root), out(root, "admin", 2))
	tests := []struct {
		name   string
		ledger *Ledger
		record *Record
		chain  *Chain
		want   bool
	}{
		{"by the root", known(t, policyOf(Root)), out(root, "carl", 1), carls, true},
		{"by an admin", known(t, policyOf(Root)), out(admin, "carl", 1), carls, true},
		{"of another", known(t, policyOf(Root)), out(root, "bob", 1), carls, false},
		{"older than the credential", known(t, policyOf(Root)), out(root, "carl", 1), again, false},
		{"by who was put out", fired, out(admin, "carl", 1), again, false},
		{"of the credential", known(t, policyOf(Root)), outSerial(root, carls.Serial(), 1), carls, true},
		{"of no credential", known(t, policyOf(Root)), outSerial(root, carls.Serial(), 1), nil, false},
		{"in an open group", known(t, policyOf(Open)), out(root, "carl", 1), nil, true},
		{"of who is above", known(t, policyOf(Root)), out(by("carl", granted(admin, "carl", Admin)), "admin", 1), admin.Chain, false},
	}
	for _, tt := range tests {
		subject := pub("carl")
		if tt.chain != nil {
			subject = tt.chain.Subject()
		}
		if got := tt.ledger.Voids(tt.record, tt.chain, subject); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// Who was admitted is judged again without his signatures, as he would be with them.
func TestStill(t *testing.T) {
	root := by("root", nil)
	carls := granted(root, "carl", Member)
	l := known(t, policyOf(Root))
	st, err := l.Admit(now, carls, pub("carl"))
	wantErr(t, err, nil)
	_, err = l.Still(now, st, pub("carl"))
	wantErr(t, err, nil)
	_, err = l.Still(now.Add(400*day), st, pub("carl"))
	wantErr(t, err, ErrExpired)
	_, err = l.Add(now, out(root, "carl", time.Duration(1)))
	wantErr(t, err, nil)
	_, err = l.Still(now, st, pub("carl"))
	wantErr(t, err, ErrRevoked)
}
