package pipe_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// The tests of this file cut a line at awkward times.

// Cuts that follow each other so fast that most of them interrupt the attempt to come
// back from the one before.
func TestCutsWhileItComesBack(t *testing.T) {
	const cuts = 12
	l := newLine(t, 2*time.Minute)
	near, far := l.stream(t)
	rnd := rand.New(rand.NewPCG(5, 1))
	var at []int64
	for sum := int64(1 << 20); len(at) < cuts; {
		sum += 1 + rnd.Int64N(8<<10)
		at = append(at, sum)
	}
	l.CutAt(at...)
	j, err := carry(near, far, 4<<20)
	if err != nil {
		t.Fatalf("after %d cuts: %v", l.Cuts(), err)
	}
	if n := l.Cuts(); n != cuts {
		t.Errorf("%d cuts, want %d", n, cuts)
	}
	t.Logf("%v with %d cuts, %v of silence at most", j.took, cuts, j.silence)
	closeBoth(t, near, far)
}

// A pipe that nobody uses is there again before anybody does; also for the end that
// was dialled, which cannot dial.
func TestCutWhileIdle(t *testing.T) {
	l := newLine(t, time.Minute)
	near, far := l.stream(t)
	for i := range 6 {
		if i > 0 && l.Cut() == 0 {
			l.until(t, "the client is back", func() bool { return l.Cut() > 0 })
		}
		from, to := near, far
		if i%2 == 1 {
			from, to = far, near
		}
		carried(t, from, to, 1000)
	}
	l.Cut() // and what ends a pipe that is cut is its end, not an error
	closeBoth(t, near, far)
}

// A line that is cut time after time, for longer than the patience lasts, is not one
// that is gone.
func TestCutAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes longer than patience")
	}
	l := newPatientLine(t, time.Minute, shortPatience)
	near, far := l.stream(t)
	stop, tick := make(chan struct{}), time.NewTicker(150*time.Millisecond)
	defer tick.Stop()
	var cutting sync.WaitGroup
	defer cutting.Wait()
	defer close(stop)
	cutting.Go(func() {
		for {
			select {
			case <-tick.C:
				l.Cut()
			case <-stop:
				return
			}
		}
	})
	for begun := time.Now(); time.Since(begun) < 2*l.patience; {
		if _, err := carryBothWays(near, far, 1<<20); err != nil {
			t.Fatalf("after %v and %d cuts: %v", time.Since(begun), l.Cuts(), err)
		}
	}
	t.Logf("%d cuts", l.Cuts())
}

// Many streams that share a connection come back together.
func TestManyStreams(t *testing.T) {
	const count, size, cuts = 50, 512 << 10, 10
	l := newLine(t, 2*time.Minute)
	type stream struct{ near, far net.Conn }
	all := make([]stream, count)
	for i := range all {
		all[i].near, all[i].far = l.stream(t)
	}
	l.CutAt(randomly(6, count*size, cuts)...)
	var going sync.WaitGroup
	for i, s := range all {
		going.Go(func() {
			if _, err := carryBothWays(s.near, s.far, size); err != nil {
				t.Errorf("stream %d: %v", i, err)
			}
		})
	}
	going.Wait()
	if n := l.Cuts(); n != cuts {
		t.Errorf("%d cuts, want %d", n, cuts)
	}
	if t.Failed() {
		return
	}
	for _, s := range all {
		closeBoth(t, s.near, s.far)
	}
	l.pipesAtRest(t)
}
