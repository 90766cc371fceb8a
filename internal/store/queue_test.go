package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errFull = errors.New("no space left")

// disk is what a queue writes to: it takes time, and works or not.
type disk struct {
	mu     sync.Mutex
	has    map[target]string
	err    error
	takes  time.Duration
	writes int
}

func (d *disk) write(writes map[target][]byte) error {
	time.Sleep(d.takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes++
	if d.err != nil {
		return d.err
	}
	for t, value := range writes {
		if value == nil {
			delete(d.has, t)
		} else {
			d.has[t] = string(value)
		}
	}
	return nil
}

func (d *disk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// attempts returns how often it was written to since the last time.
func (d *disk) attempts() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.writes
	d.writes = 0
	return n
}

// withQueue runs f in a bubble, with a queue before a disk.
func withQueue(t *testing.T, f func(t *testing.T, q *queue, d *disk, log *bytes.Buffer)) {
	synctest.Test(t, func(t *testing.T) {
		d, log := &disk{has: map[target]string{}}, new(bytes.Buffer)
		q := newQueue(d.write, slog.New(slog.NewTextHandler(log, nil)))
		var wg sync.WaitGroup
		wg.Go(q.run)
		f(t, q, d, log)
		if !q.isShut {
			q.shut()
		}
		wg.Wait()
	})
}

func on(key string) target { return target{"b", key} }

func TestWritesAreGathered(t *testing.T) {
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		for i := range 100 { // which does not put it off for ever
			if err := q.put(on(fmt.Sprint(i)), []byte{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(gather / 10)
		}
		time.Sleep(2 * gather)
		if n := d.attempts(); n < 5 || n > 12 || len(d.has) != 100 {
			t.Errorf("%d writes in %v, %d there", n, 10*gather, len(d.has))
		}
		time.Sleep(time.Hour)
		if n := d.attempts(); n != 0 {
			t.Errorf("%d writes of nothing", n)
		}
		_ = q.put(on("x"), []byte("soon"))
		start := time.Now()
		if err := q.flush(t.Context()); err != nil || d.has[on("x")] != "soon" || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := q.flush(t.Context()); err != nil || d.attempts() != 1 {
			t.Errorf("%v", err)
		}
	})
}

func TestFlushWaitsForWhatIsBeingWritten(t *testing.T) {
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		d.takes = time.Minute
		_ = q.put(on("x"), []byte{})
		time.Sleep(time.Second) // it is being written
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		if err := q.flush(t.Context()); err != nil || len(d.has) != 1 || d.attempts() != 1 {
			t.Errorf("%v, %d there", err, len(d.has))
		}
	})
}

func TestWhatFailedIsTriedAgain(t *testing.T) {
	withQueue(t, func(t *testing.T, q *queue, d *disk, log *bytes.Buffer) {
		d.fail(errFull)
		_ = q.put(on("x"), []byte("old"))
		_ = q.put(on("y"), []byte("y"))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := q.flush(t.Context()); !errors.Is(err, errFull) {
					t.Errorf("flush: %v", err)
				}
			})
		}
		wg.Wait()
		_ = q.put(on("x"), []byte("new")) // which the next attempt writes
		_ = q.put(on("y"), nil)
		d.attempts()
		time.Sleep(10*retry + time.Second)
		if n := d.attempts(); n < 9 || n > 10 {
			t.Errorf("%d attempts in %v", n, 10*retry)
		}
		d.fail(nil)
		time.Sleep(retry)
		synctest.Wait()
		if got := d.has; len(got) != 1 || got[on("x")] != "new" || q.size != 0 {
			t.Errorf("%v, %d bytes queued", got, q.size)
		}
		q.shut()
		synctest.Wait()
		if text := log.String(); strings.Count(text, "not written") != 1 || strings.Count(text, "written to disk again") != 1 {
			t.Error(text)
		}
	})
}

func TestFullQueue(t *testing.T) {
	fill := func(q *queue) (n int, err error) {
		for ; err == nil && n < 100; n++ {
			err = q.put(on(fmt.Sprint(n)), make([]byte, MaxValue))
		}
		return n, err
	}
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		d.takes = time.Minute
		start := time.Now()
		if n, err := fill(q); n != 100 || err != nil || time.Since(start) < 10*time.Minute {
			t.Errorf("a slow disk took %d in %v, %v", n, time.Since(start), err)
		}
		if q.size > MaxQueue {
			t.Errorf("%d bytes queued", q.size)
		}
	})
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		d.fail(errFull)
		n, err := fill(q)
		if n != MaxQueue/MaxValue || !errors.Is(err, errFull) {
			t.Errorf("a full disk took %d, %v", n, err)
		}
		if err := q.put(on("0"), nil); err != nil { // makes room
			t.Error(err)
		}
		if err := q.put(on("small"), []byte{}); err != nil {
			t.Error(err)
		}
		d.fail(nil)
		if err := q.flush(t.Context()); err != nil || q.size != 0 || len(d.has) != n-1 {
			t.Errorf("%v, %d bytes queued, %d there", err, q.size, len(d.has))
		}
	})
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		d.takes = time.Hour
		time.AfterFunc(time.Minute, q.shut)
		if _, err := fill(q); !errors.Is(err, os.ErrClosed) {
			t.Errorf("waited in vain, and got %v", err)
		}
	})
}

func TestShutTriesOnce(t *testing.T) {
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		d.fail(errFull)
		_ = q.put(on("x"), []byte{})
		_ = q.flush(t.Context())
		d.attempts()
		q.shut()
		synctest.Wait()
		if n := d.attempts(); n != 1 || q.failed == nil {
			t.Errorf("%d attempts, %v", n, q.failed)
		}
	})
}

// TestDiskHasAPrefix compares a disk that now and then fails with what was queued:
// at each moment it has what some prefix of the calls makes, and no less than what
// was acknowledged.
func TestDiskHasAPrefix(t *testing.T) {
	withQueue(t, func(t *testing.T, q *queue, d *disk, _ *bytes.Buffer) {
		rnd := rand.New(rand.NewPCG(3, 4))
		states, acknowledged := []map[target]string{{}}, 0
		for range 3000 {
			switch rnd.IntN(10) {
			case 0:
				d.fail(nil)
			case 1:
				d.fail(errFull)
			case 2:
				if q.flush(t.Context()) == nil {
					acknowledged = len(states) - 1
				}
			case 3:
				time.Sleep(time.Duration(rnd.Int64N(int64(retry))))
			default:
				next, on := maps.Clone(states[len(states)-1]), on(fmt.Sprint(rnd.IntN(5)))
				value := fmt.Append(nil, rnd.IntN(1000))
				if next[on] = string(value); rnd.IntN(4) == 0 {
					delete(next, on)
					value = nil
				}
				if err := q.put(on, value); err != nil {
					t.Fatal(err)
				}
				states = append(states, next)
			}
			d.mu.Lock()
			n := len(states) - 1
			for ; n >= acknowledged && !maps.Equal(states[n], d.has); n-- {
			}
			d.mu.Unlock()
			if n < acknowledged {
				t.Fatalf("%v is none of the states since the acknowledged %v", d.has, states[acknowledged])
			}
		}
		if acknowledged < len(states)/2 {
			t.Errorf("%d of %d acknowledged", acknowledged, len(states)-1)
		}
	})
}
