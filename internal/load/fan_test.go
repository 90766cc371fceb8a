package load

import (
	"context"
	"testing"
	"time"
)

// What a bus loses is missing, and what it doubles does not make up for it. Its
// messages take a while, but not longer than the work did.
func TestFan(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	st := newStage(t)
	began := time.Now()
	err := letters.withFan(ctx, st, 3, func(f *fan) error {
		lone, err := f.lone(ctx, 5)
		if err != nil || lone <= 0 || lone > millis(began) {
			t.Errorf("a lone message takes %v ms, %v", lone, err)
		}
		began := time.Now()
		rate, delivered, err := f.flatOut(ctx, 1000)
		if delivered != 75 || rate < perSecond(1000, began) {
			t.Errorf("%v %% delivered, %v/s", delivered, rate)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(st.closers) != 0 {
		t.Errorf("%d things of a fan are left on the stage", len(st.closers))
	}
}

// GossipSub is warm when its fan is, so a message is heard by all.
func TestGossipSub(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, n := range []int{1, gossipDegree + 2} {
		err := gossipSub.withFan(ctx, newStage(t), n, func(f *fan) error {
			o, err := f.publish(ctx, 3, true, 10*time.Second)
			if err == nil && (o.Heard != 3*n || len(o.Times) != 3*n) {
				t.Errorf("%d of %d heard, and %d timed", o.Heard, 3*n, len(o.Times))
			}
			return err
		})
		if err != nil {
			t.Errorf("%d subscribers: %v", n, err)
		}
	}
}

func TestSomeOf(t *testing.T) {
	all := make([]int, 40)
	for i := range all {
		all[i] = i
	}
	if got := someOf(all[:gossipDegree], gossipDegree, 5); len(got) != gossipDegree {
		t.Errorf("%d of few", len(got))
	}
	seen := make(map[int]bool)
	for _, v := range someOf(all, len(all), 5) {
		seen[v] = true
	}
	if len(seen) != 5 {
		t.Errorf("of many: %v", seen)
	}
}
