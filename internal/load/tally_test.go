package load

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func bodyOf(s stamp) []byte {
	b := make([]byte, messageSize)
	s.put(b)
	return b
}

func TestStamp(t *testing.T) {
	want := stamp{phase: 1 << 31, of: 1<<32 - 1, seq: 77, sent: 1<<62 + 3}
	if got, ok := readStamp(bodyOf(want)); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	for n := range stampSize {
		if _, ok := readStamp(bodyOf(want)[:n]); ok {
			t.Errorf("a stamp of %d bytes", n)
		}
	}
	if _, ok := readStamp(bodyOf(stamp{phase: 1, of: 3, seq: 3})); ok {
		t.Error("message 3 of 0 to 2")
	}
}

// Each message counts once for each subscriber, in its own phase alone.
func TestTally(t *testing.T) {
	ta := newTally(2)
	for _, c := range []struct {
		who  int
		s    stamp
		want int // heard of phase 2 afterwards
	}{
		{0, stamp{phase: 1, of: 5, seq: 4}, 0},
		{0, stamp{phase: 2, of: 70, seq: 69}, 1},
		{0, stamp{phase: 2, of: 70, seq: 69}, 1}, // again
		{0, stamp{phase: 2, of: 70, seq: 5}, 2},
		{0, stamp{phase: 1, of: 5, seq: 3}, 2},   // late
		{0, stamp{phase: 2, of: 80, seq: 6}, 2},  // of another size
		{1, stamp{phase: 1, of: 5, seq: 3}, 2},   // elsewhere not late
		{1, stamp{phase: 2, of: 70, seq: 69}, 3}, // another's
		{0, stamp{phase: 3, of: 1, seq: 0}, 1},   // forgets phase 2
	} {
		ta.take(c.who, bodyOf(c.s))
		if got := ta.count(2); got != c.want {
			t.Errorf("after %+v: %d, want %d", c, got, c.want)
		}
	}
	ta.take(0, nil) // no stamp
}

// An answer comes at once when all has come, or when nothing comes any more; then
// it tells for how long, and how long the last twentieth took.
func TestAwait(t *testing.T) {
	const n = 100
	for name, c := range map[string]struct {
		heard int // one each second
		want  tallyAnswer
		after time.Duration
	}{
		"all":     {n, tallyAnswer{Heard: n, Tail: 5 * time.Second}, n * time.Second},
		"some":    {80, tallyAnswer{Heard: 80, Tail: 4 * time.Second, Quiet: 3 * time.Second}, 83 * time.Second},
		"nothing": {0, tallyAnswer{Quiet: 3 * time.Second}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ta := newTally(1)
				go func() {
					for i := range c.heard {
						time.Sleep(time.Second)
						ta.take(0, bodyOf(stamp{phase: 7, of: n, seq: uint32(i), sent: time.Now().Add(-time.Minute).UnixNano()}))
					}
				}()
				began := time.Now()
				got, err := ta.await(t.Context(), &tallyQuestion{Phase: 7, All: n, Quiet: 3 * time.Second})
				if err != nil {
					t.Fatal(err)
				}
				near := func(a, b time.Duration) bool { return (a - b).Abs() <= pollEvery }
				if got.Heard != c.want.Heard || !near(got.Tail, c.want.Tail) || !near(got.Quiet, c.want.Quiet) || !near(time.Since(began), c.after) {
					t.Errorf("after %v: heard %d, quiet %v, tail %v", time.Since(began), got.Heard, got.Quiet, got.Tail)
				}
				if len(got.Times) != c.heard || c.heard > 0 && got.Times[0] != 60_000 {
					t.Errorf("times %v", got.Times)
				}
			})
		})
	}
}

func TestAwaitEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newTally(1).await(ctx, &tallyQuestion{Phase: 1, All: 1, Quiet: time.Hour}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
