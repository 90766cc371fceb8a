package pipe_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/pipe"
)

// A black hole that is shorter than the pipes' patience is a pause, whether or not the
// connection is given up meanwhile.
func TestBlackHoleThatPasses(t *testing.T) {
	for name, hole := range map[string]time.Duration{"unnoticed": time.Second, "given up": noticed + 3*time.Second} {
		if testing.Short() && hole > noticed {
			continue
		}
		t.Run(name, func(t *testing.T) {
			const size, count = 24 << 20, 20_000
			l := newLine(t, 2*time.Minute)
			near, far := l.stream(t)
			in, out := l.ends(t, l.client, l.server)
			var going sync.WaitGroup
			going.Go(func() {
				if _, err := carryBothWays(near, far, size); err != nil {
					t.Error(err)
				}
			})
			going.Go(func() { exchange(t, l, l.client, in, out, count) })
			l.until(t, "it is in full flow", func() bool { return l.Passed() > size/4 })
			l.Stall()
			conns := l.Conns()
			l.pass(t, hole)
			before := l.Passed()
			l.Resume()
			going.Wait()
			if d := l.Passed() - before; d < size {
				t.Errorf("%d bytes passed after the black hole: it came too late", d)
			}
			t.Logf("%d connections before, %d when it was over", conns, l.Conns())
			closeBoth(t, near, far)
		})
	}
}

// What is lost for longer than the patience is lost for good: both ends are told, and
// no goroutine of the pipes is left.
func TestBlackHoleThatDoesNotPass(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes until a silent connection is given up, and longer")
	}
	l := newPatientLine(t, time.Minute, shortPatience)
	near, far := l.stream(t)
	_, out := l.ends(t, l.client, l.server)
	carried(t, near, far, 1<<20)
	begun := time.Now()
	l.Stall()
	l.wantBroken(t, begun, map[string]func() error{
		"near read":  func() error { _, err := near.Read(make([]byte, 1)); return err },
		"near write": func() error { return writeOn(near) },
		"far read":   func() error { _, err := far.Read(make([]byte, 1)); return err },
		"far write":  func() error { return writeOn(far) },
		"send":       func() error { return sendOn(l, out) },
	})
	l.wantOver(t, near, far, out)
}

// A receiver that dies without a word is waited for as long as one whose line is cut.
func TestReceiverIsKilled(t *testing.T) {
	l := newPatientLine(t, time.Minute, shortPatience)
	near, far := l.stream(t)
	_, out := l.ends(t, l.client, l.server)
	carried(t, near, far, 1<<20)
	begun := time.Now()
	l.Refuse(true)
	l.Cut()
	if err := l.server.Close(); err != nil {
		t.Error(err)
	}
	l.wantBroken(t, begun, map[string]func() error{
		"read":  func() error { _, err := near.Read(make([]byte, 1)); return err },
		"write": func() error { return writeOn(near) },
		"send":  func() error { return sendOn(l, out) },
	})
	l.wantOver(t, near, far, out)
}

// wantBroken sees that each of these calls fails because the pipe is broken, when the
// patience has ended since the line was lost, and soon after that.
func (l *line) wantBroken(t *testing.T, begun time.Time, calls map[string]func() error) {
	t.Helper()
	var waiting sync.WaitGroup
	for name, call := range calls {
		waiting.Go(func() {
			err := call()
			took := time.Since(begun)
			t.Logf("%s: after %v: %v", name, took.Round(time.Millisecond), err)
			if !errors.Is(err, pipe.ErrBroken) || took < l.patience || took > noticed+l.patience+3*time.Second {
				t.Errorf("%s: %v after %v; want broken after %v", name, err, took, l.patience)
			}
		})
	}
	waiting.Wait()
}

// wantOver closes ends of broken pipes, which does not take long, and sees that nothing
// is left of them though the peers still run.
func (l *line) wantOver(t *testing.T, near, far net.Conn, out *pipe.Output) {
	t.Helper()
	begun := time.Now()
	_ = near.Close()
	_ = far.Close()
	if err := out.Close(); err != nil { // Send has said so before
		t.Errorf("close a broken output end: %v", err)
	}
	if d := time.Since(begun); d > time.Second {
		t.Errorf("closing what is broken took %v", d)
	}
	l.pipesAtRest(t)
}

// writeOn writes until that fails.
func writeOn(w io.Writer) error {
	for b := make([]byte, 64<<10); ; {
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
}

// sendOn sends until that fails.
func sendOn(l *line, out *pipe.Output) error {
	for i := 0; ; i++ {
		if err := out.Send(l.done, numbered(i, 16<<10)); err != nil {
			return err
		}
	}
}

const (
	mostHeld = 64 << 20               // bytes of memory that a pipe may take whose receiver does not read
	giveUp   = 300 * time.Millisecond // how long a Send or a Write may wait then
)

// A sender whose receiver does not read waits, as long as its context says; what it
// sends is bounded, and nothing of it is lost, nor is what was not taken sent: also
// where the line is cut meanwhile.
func TestReceiverDoesNotRead(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "medium": 16 << 10, "large": 1 << 20, "huge": 9 << 20} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, 2*time.Minute)
			in, out := l.ends(t, l.client, l.server)
			before := heap()
			taken := 0
			fill := func() { // sends until it has to wait for long
				for {
					ctx, cancel := context.WithTimeout(l.done, giveUp)
					err := out.Send(ctx, numbered(taken, size))
					cancel()
					if errors.Is(err, context.DeadlineExceeded) {
						break
					}
					if err != nil {
						t.Fatalf("message %d: %v", taken, err)
					}
					if taken++; taken*size > 16*mostHeld {
						t.Fatalf("%d messages of %d bytes were sent and nobody reads them", taken, size)
					}
				}
				if grown := heap() - before; grown > mostHeld {
					t.Errorf("%d MiB of memory for %d messages of %d bytes", grown>>20, taken, size)
				}
			}
			fill()
			first := taken
			l.cutAndWait(t)
			fill()
			t.Logf("%d messages of %d bytes were taken, %d more after the cut", first, size, taken-first)
			for i := range taken {
				m, err := in.Receive(l.done)
				if err != nil {
					t.Fatalf("message %d of %d: %v", i, taken, err)
				}
				if got := numberOf(t, m); got != i {
					t.Fatalf("message %d is number %d", i, got)
				}
			}
			exchange(t, l, l.client, in, out, 10)
			if err := out.Close(); err != nil {
				t.Error(err)
			}
			wantNoMore(t, in)
		})
	}
}

// The same for a stream: Write says how much it has taken.
func TestReaderStops(t *testing.T) {
	l := newLine(t, 2*time.Minute)
	near, far := l.stream(t)
	end, _ := l.done.Deadline()
	src, rnd := random(), rand.New(rand.NewPCG(4, 1))
	before, taken := heap(), 0
	var left []byte // of what Write has not taken
	buf := make([]byte, 300<<10)
	fill := func() {
		for {
			if len(left) == 0 {
				left = buf[:1+rnd.IntN(len(buf))]
				_, _ = src.Read(left)
			}
			_ = near.SetWriteDeadline(time.Now().Add(giveUp))
			n, err := near.Write(left)
			taken, left = taken+n, left[n:]
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatalf("after %d bytes: %v", taken, err)
			}
			if taken > 16*mostHeld {
				t.Fatalf("%d bytes were written and nobody reads them", taken)
			}
		}
		if grown := heap() - before; grown > mostHeld {
			t.Errorf("%d MiB of memory for %d bytes", grown>>20, taken)
		}
		_ = near.SetWriteDeadline(end)
	}
	fill()
	first := taken
	l.cutAndWait(t)
	fill()
	t.Logf("%d bytes were taken, %d more after the cut", first, taken-first)
	if j, _, err := drain(far, taken); err != nil {
		t.Fatalf("%d bytes of %d: %v", j.bytes, taken, err)
	}
	closeBoth(t, near, far)
}

// heap returns how many bytes of memory are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // which empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
