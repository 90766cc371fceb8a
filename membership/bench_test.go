package membership

import (
	"fmt"
	"slices"
	"testing"

	"github.com/juxta-p2p/juxta/id"
)

func BenchmarkCheck(b *testing.B) {
	c, p := goldenChain(), policyOf(Root)
	for b.Loop() {
		if err := p.Check(c, c.Subject(), now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseChain(b *testing.B) {
	bytes := goldenChain().Bytes()
	for b.Loop() {
		must(ParseChain(bytes))
	}
}

func BenchmarkStretchPassword(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		StretchPassword(group, []byte("open sesame"), DefaultKDF)
	}
}

// BenchmarkAdd adds a revocation to a ledger that holds as many already.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{0, 256, 3072} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			admin := by("admin", granted(by("root", nil), "admin", Admin))
			l := NewLedger(policyOf(Root))
			for i := range n {
				l.revocations = append(l.revocations, out(by("root", nil), fmt.Sprint(i), 1))
			}
			l.sorted = slices.SortedFunc(slices.Values(l.revocations), compareByID)
			// Each Add makes its own copies.
			l.revocations, l.sorted = slices.Clip(l.revocations), slices.Clip(l.sorted)
			r := out(admin, "carl", 0)
			before := *l
			for b.Loop() {
				l := before
				l.records, l.byAdmin = map[RecordID]*Record{}, map[id.Peer]int{}
				if _, err := l.Add(now, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
