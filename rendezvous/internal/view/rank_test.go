package view

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/id"
)

// TestRankingStays keeps the rankings the same everywhere and for ever: peers that
// rank otherwise do not find what the others have put. What is wanted was computed by
// another program, from the package comment.
func TestRankingStays(t *testing.T) {
	if got, want := hashKey("Name", "moves"), uint64(0x8824dfb9ac34fd3e); got != want {
		t.Errorf("key %#x, want %#x", got, want)
	}
	if got, want := mix(1), uint64(0x5692161d100b05e5); got != want {
		t.Errorf("mix %#x, want %#x", got, want)
	}
	all := crowd()[:50]
	v := viewOf(t, id.Peer{}, all...)
	name := func(who []id.Peer) string {
		var s []string
		for _, w := range who {
			s = append(s, fmt.Sprintf("%x", w.Bytes()[16:20]))
		}
		return strings.Join(s, " ")
	}
	for _, test := range []struct {
		got  []id.Peer
		want string
	}{
		{v.Replicas("Name", "moves", 3), "fd0cff84 58ffe531 004b1f52"},
		{v.Replicas("", "", 3), "a2595918 c0ece47d a64715b5"},
		{v.Favourites(all[0].Signer(), 3), "ff6f1a74 c0ece47d 936125e9"},
	} {
		if got := name(test.got); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
}

func TestKeysAreUnambiguous(t *testing.T) {
	if hashKey("ab", "c") == hashKey("a", "bc") || hashKey("", "a") == hashKey("a", "") {
		t.Error("two keys are one")
	}
	long := strings.Repeat("x", 2000)
	if hashKey("a", long) == hashKey("a", long+"y") {
		t.Error("the end of a long value does not count")
	}
}

// TestReplicasAreTheHighest compares with sorting all.
func TestReplicasAreTheHighest(t *testing.T) {
	all := crowd()[:100]
	v := viewOf(t, all[0].Signer(), all...)
	for k := range 50 {
		key := hashKey("k", fmt.Sprint(k))
		want := slices.Clone(v.order)
		slices.SortStableFunc(want, func(a, b *entry) int {
			if mix(key^a.hash) > mix(key^b.hash) {
				return -1
			}
			return 1
		})
		for _, n := range []int{-1, 0, 1, 2, 3, 16, 17, 99, 100, 101} {
			got := v.Replicas("k", fmt.Sprint(k), n)
			if len(got) != min(max(n, 0), 100) {
				t.Fatalf("%d of %d", len(got), n)
			}
			for i, who := range got {
				if who != want[i].ID {
					t.Fatalf("key %d, n %d: place %d", k, n, i)
				}
			}
		}
	}
	if got := New(id.Net, id.Peer{}).Replicas("a", "b", 3); len(got) != 0 {
		t.Errorf("nobody is responsible: %v", got)
	}
}

func TestReplicasOfEqualWeight(t *testing.T) {
	v := viewOf(t, id.Peer{}, crowd()[:5]...)
	clear(v.hashes)
	if got, want := v.Replicas("a", "b", 3), ids(v.Members())[:3]; !slices.Equal(got, want) {
		t.Errorf("%v, want the lower IDs %v", got, want)
	}
}

// evenly fails unless the counts look like those of equally likely things: their
// chi-square (of n-1 degrees of freedom, which is nearly normal for large n) within
// five standard deviations.
func evenly(t *testing.T, what string, counts map[id.Peer]int, members int) {
	t.Helper()
	total := 0
	for _, c := range counts {
		total += c
	}
	mean, chi := float64(total)/float64(members), 0.0
	for _, c := range counts {
		chi += (float64(c) - mean) * (float64(c) - mean) / mean
	}
	chi += float64(members-len(counts)) * mean
	free := float64(members - 1)
	if math.Abs(chi-free) > 5*math.Sqrt(2*free) {
		t.Errorf("%s: chi-square %.0f of %.0f degrees", what, chi, free)
	}
}

func TestEvenAndLittleMoves(t *testing.T) {
	const keys, n = 100_000, 3
	small, large := viewOf(t, id.Peer{}, crowd()[:580]...), viewOf(t, id.Peer{}, crowd()...)
	newcomer := crowd()[580].Signer()
	first, three, edges := map[id.Peer]int{}, map[id.Peer]int{}, map[id.Peer]int{}
	moved := 0
	for k := range keys {
		before, after := small.Replicas("Name", fmt.Sprint(k), n), large.Replicas("Name", fmt.Sprint(k), n)
		first[before[0]]++
		for _, who := range before {
			three[who]++
		}
		edges[small.Favourites(id.PeerOf(id.Net, fmt.Append(nil, k)), 1)[0]]++
		if at := slices.Index(after, newcomer); at >= 0 {
			moved++
			before = slices.Insert(before, at, newcomer)[:n]
		}
		if !slices.Equal(before, after) {
			t.Fatalf("key %d moved from %v to %v", k, before, after)
		}
	}
	evenly(t, "first replicas", first, 580)
	evenly(t, "replicas", three, 580)
	evenly(t, "favourites", edges, 580)
	p := n / 581.0
	if want, off := keys*p, 5*math.Sqrt(keys*p*(1-p)); math.Abs(float64(moved)-want) > off {
		t.Errorf("%d keys moved, want %.0f ± %.0f", moved, want, off)
	}
}

func BenchmarkReplicas(b *testing.B) {
	v := viewOf(b, id.Peer{}, crowd()[:580]...)
	b.ReportAllocs()
	for b.Loop() {
		v.Replicas("Name", "moves", 3)
	}
}

func BenchmarkFavourites(b *testing.B) {
	v := viewOf(b, id.Peer{}, crowd()[:580]...)
	edge := crowd()[580].Signer()
	b.ReportAllocs()
	for b.Loop() {
		v.Favourites(edge, 3)
	}
}
