package ether_test

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
)

// port is a port in memory: what is sent to it comes out of its line.
type port struct {
	in, out chan []byte
	closed  chan struct{}
}

func newPort() *port {
	return &port{make(chan []byte, 4096), make(chan []byte, 4096), make(chan struct{})}
}

func (p *port) Read(b []byte) (int, error) {
	select {
	case f := <-p.in:
		return copy(b, f), nil
	case <-p.closed:
		return 0, io.EOF
	}
}

func (p *port) Write(b []byte) (int, error) {
	p.out <- bytes.Clone(b)
	return len(b), nil
}

func (p *port) Close() error { close(p.closed); return nil }

// pass sends n frames of size bytes over a line, and says how long each took to come;
// the frames have to stay in order.
func pass(t *testing.T, profile ether.Profile, n, size int) (took []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newPort(), newPort()
		l := ether.NewLine(a, b, profile)
		began := time.Now()
		for i := range n {
			f := make([]byte, size)
			f[0], f[1] = byte(i>>8), byte(i)
			a.in <- f
		}
		end := time.After(time.Minute)
		for last := -1; ; {
			select {
			case f := <-b.out:
				if i := int(f[0])<<8 | int(f[1]); i <= last {
					t.Errorf("frame %d comes after %d", i, last)
				} else {
					last = i
				}
				took = append(took, time.Since(began))
				continue
			case <-end:
			}
			break
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return took
}

func TestLineDelays(t *testing.T) {
	for _, took := range pass(t, ether.Profile{Delay: 20 * time.Millisecond}, 100, 1000) {
		if took != 20*time.Millisecond {
			t.Fatalf("took %v", took)
		}
	}
	spread := pass(t, ether.Profile{Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond}, 500, 1000)
	if len(spread) != 500 || spread[0] < 20*time.Millisecond || spread[499] >= 25*time.Millisecond || spread[0] == spread[499] {
		t.Errorf("%d frames, from %v to %v", len(spread), spread[0], spread[499])
	}
}

func TestLineLoses(t *testing.T) {
	if n := len(pass(t, ether.Profile{Loss: 0.2}, 2000, 100)); n < 1450 || n > 1750 {
		t.Errorf("%d of 2000 frames came, of 1600", n)
	}
	if n := len(pass(t, ether.Profile{}, 2000, 100)); n != 2000 {
		t.Errorf("%d of 2000 frames came", n)
	}
}

func TestLineHasARate(t *testing.T) {
	took := pass(t, ether.Profile{Rate: 8e6, Delay: time.Millisecond}, 100, 1000) // a millisecond each
	for i, d := range took {
		if want := time.Duration(i+2) * time.Millisecond; d != want {
			t.Fatalf("frame %d took %v, not %v", i, d, want)
		}
	}
	if n := len(pass(t, ether.Profile{Rate: 8e6}, 1000, 1000)); n < 200 || n > 202 {
		t.Errorf("%d frames came, although no more than 200 ms of them may wait", n)
	}
}

func TestLineCanBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPort(), newPort()
		l := ether.NewLine(a, b, ether.Profile{Delay: time.Second})
		began := time.Now()
		a.in <- []byte("one")
		synctest.Wait()
		l.Set(ether.Profile{})
		a.in <- []byte("two")
		one, two := <-b.out, <-b.out
		if string(one) != "one" || string(two) != "two" || time.Since(began) != time.Second {
			t.Errorf("%q, %q after %v", one, two, time.Since(began))
		}
		b.in <- []byte("three")
		if three := <-a.out; string(three) != "three" || time.Since(began) != time.Second {
			t.Errorf("%q after %v", three, time.Since(began))
		}
		a.in <- []byte("lost")
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}
