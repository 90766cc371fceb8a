package membership

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// crowd draws records of a group whose admins revoke one another, and redemptions.
func crowd(rng *rand.Rand, n int) []*Record {
	root := by("root", nil)
	issuers := []*Issuer{root}
	for i := range 3 {
		name := fmt.Sprintf("admin%d", i)
		issuers = append(issuers, by(name, granted(root, name, Admin)))
	}
	for i := range 4 { // admins of admins, some renewed
		name, above := fmt.Sprintf("below%d", i), issuers[1+rng.IntN(3)]
		issuers = append(issuers, by(name, must(above.Grant(pub(name), Admin, now.Add(-time.Duration(rng.IntN(20))*time.Hour), 30*day))))
	}
	inviting := must(root.Invite(pub("invitation"), Admin, 5, now.Add(-2*day), now.Add(day), 30*day, id.Peer{}))
	for i := range 2 {
		name := fmt.Sprintf("self%d", i)
		at := now.Add(-time.Duration(rng.IntN(20)) * time.Hour)
		issuers = append(issuers, by(name, must(by("invitation", inviting).Grant(pub(name), Admin, at, 10*day))))
	}
	var records []*Record
	for _, is := range issuers[len(issuers)-2:] {
		records = append(records, must(newRedemption(is.Chain)))
	}
	for range n {
		// Few times, so that many are the same.
		at := now.Add(-time.Duration(rng.IntN(10)) * time.Hour)
		is, target := issuers[rng.IntN(len(issuers))], issuers[rng.IntN(len(issuers))]
		if is.Chain != nil && at.Before(is.Chain.Issued()) {
			at = is.Chain.Issued()
		}
		if target.Chain != nil && rng.IntN(3) == 0 {
			records = append(records, must(is.RevokeCredential(target.Chain.Serial(), at, "")))
		} else {
			records = append(records, must(is.RevokePeer(id.PeerOf(id.Net, target.public()), at, "")))
		}
	}
	return records
}

// TestOrder adds the same records in many orders, and half of them twice: all that
// follows from them is the same.
func TestOrder(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 0))
		records := crowd(rng, 14)
		var want *Ledger
		for range 6 {
			rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
			l := NewLedger(policyOf(Invite))
			for _, r := range append(slices.Clone(records), records[:7]...) {
				if _, err := l.Add(now, r); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want = l
			}
			same(t, l, want)
		}
		if n := len(want.effective.all); n == 0 || n == len(want.revocations) {
			t.Logf("seed %d: %d of %d revocations are effective", seed, n, len(want.revocations))
		}
	}
}

func same(t *testing.T, a, b *Ledger) {
	t.Helper()
	idA, keyA := a.Epoch()
	idB, keyB := b.Epoch()
	if a.Digest() != b.Digest() || idA != idB || !bytes.Equal(keyA, keyB) || !slices.Equal(a.IDs(), b.IDs()) {
		t.Fatal("the sets differ")
	}
	ra, rb := a.Revocations(), b.Revocations()
	if !slices.EqualFunc(ra, rb, func(x, y Revocation) bool { return x.Serial == y.Serial && x.At.Equal(y.At) }) {
		t.Fatalf("effective are\n%v, and\n%v", ra, rb)
	}
	for who, r := range a.effective.peers {
		if b.RevocationOf(who).ID() != r.ID() {
			t.Fatalf("%v is put out by %v, and by %v", who, r, b.RevocationOf(who))
		}
	}
	if len(a.byAdmin) != len(b.byAdmin) || len(a.Redeemed(Serial{})) != len(b.Redeemed(Serial{})) {
		t.Fatal("the counts differ")
	}
}

// TestSameTime sees that of two revocations at the same time the lower serial counts
// first, and of two with the same serial the lower ID.
func TestSameTime(t *testing.T) {
	root := by("root", nil)
	a, b := by("a", granted(root, "a", Admin)), by("b", granted(root, "b", Admin))
	for _, same := range []bool{false, true} {
		for range 8 {
			first, second := out(a, "b", 1), out(b, "a", 1)
			if same {
				second = withSerial(b, second, first.revocation.Serial)
			}
			if same && compareIDs(first.id, second.id) > 0 ||
				!same && bytes.Compare(first.revocation.Serial[:], second.revocation.Serial[:]) > 0 {
				first, second = second, first
			}
			for _, order := range [][]*Record{{first, second}, {second, first}} {
				l := known(t, policyOf(Root), order...)
				if revs := l.Revocations(); len(revs) != 1 || revs[0].Peer != first.revocation.Peer {
					t.Errorf("effective %v, want %v before %v", revs, first, second)
				}
			}
		}
	}
}

// withSerial signs a revocation anew, with another serial.
func withSerial(is *Issuer, r *Record, s Serial) *Record {
	m := &wire.Record{}
	if err := proto.Unmarshal(r.Bytes(), m); err != nil {
		panic(err)
	}
	signed, said := m.GetRevocation(), &wire.Revocation{}
	if err := proto.Unmarshal(signed.Revocation, said); err != nil {
		panic(err)
	}
	said.Serial = s[:]
	signed.Revocation = must(proto.Marshal(said))
	signed.Signature = ed25519.Sign(is.Key, append([]byte(revoking), signed.Revocation...))
	return must(parseRevocation(signed))
}
