package index

import (
	"fmt"
	"sync"
	"testing"

	"github.com/juxta-p2p/juxta/adv"
)

const many = 100_000

// manyNews are as many advertisements, of so many signers that none has too many.
var manyNews = sync.OnceValue(func() []*adv.Signed {
	all := make([]*adv.Signed, many)
	for i := range all {
		all[i] = news(&testing.B{}, byte(i%20), i+1, 1, fmt.Sprint("Name=n", i), fmt.Sprint("Tag=", i%100))
	}
	return all
})

func filled(entries int) *Index {
	x := New(Limits{Entries: entries, ForeignEntries: many, ForeignBytes: 1 << 30})
	for i, s := range manyNews() {
		e := Entry{Signed: s, Expires: at(1000 + i*7919%many)}
		if i%2 == 0 && i < many/2 {
			e.Home = alice
		}
		x.Put(at(0), e)
	}
	return x
}

func BenchmarkPut(b *testing.B) {
	manyNews()
	for b.Loop() {
		if n := filled(many).Len(); n != many {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/entry")
}

// Half of what is put is there at first, and is refreshed; all else evicts one.
func BenchmarkPutWhenFull(b *testing.B) {
	x := filled(many / 2)
	before := x.Stats().Evicted
	for i := 0; b.Loop(); i++ {
		x.Put(at(0), Entry{Signed: manyNews()[i%many], Expires: at(many + i)})
	}
	b.ReportMetric(float64(x.Stats().Evicted-before)/float64(b.N), "evicted/op")
}

func BenchmarkFind(b *testing.B) {
	x := filled(many)
	for _, test := range []struct {
		name  string
		p     adv.Pattern
		limit int
		want  int
	}{
		{"exact", adv.Pattern{Attr: "Name", Value: "n4711"}, 0, 1},
		{"common", adv.Pattern{Attr: "Tag", Value: "47"}, 10, 10},
		{"prefix", adv.Pattern{Attr: "Name", Value: "n4711*"}, 0, 11},
		{"scan", adv.Pattern{}, 10, 10},
	} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				if got := x.Find(at(0), &test.p, test.limit, false); len(got) != test.want {
					b.Fatal(len(got))
				}
			}
		})
	}
}
