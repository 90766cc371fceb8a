package flow

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines are those of either end, on a call that waits.
func deadlines(t *testing.T, test func(t *testing.T, set func(time.Time), wait func() error)) {
	for _, lost := range []bool{false, true} {
		prepare := func(t *testing.T) (*Sender, *Receiver) {
			s, r, p := attached(t)
			if lost {
				p.detach()
			}
			return s, r
		}
		t.Run(map[bool]string{true: "detached ", false: "attached "}[lost]+"Receiver", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, r := prepare(t)
				test(t, r.SetDeadline, func() error {
					_, err := r.Read(make([]byte, 1))
					return err
				})
				if r.Attached() == lost {
					t.Error("attached:", lost)
				}
			})
		})
		t.Run(map[bool]string{true: "detached ", false: "attached "}[lost]+"Sender", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := prepare(t)
				_, _ = s.Write(make([]byte, Limit-1000))
				test(t, s.SetDeadline, func() error {
					_, err := s.Write(make([]byte, 2000))
					return err
				})
			})
		})
	}
}

func TestDeadlines(t *testing.T) {
	deadlines(t, func(t *testing.T, set func(time.Time), wait func() error) {
		expect := func(d time.Duration) {
			t.Helper()
			began := time.Now()
			if err := wait(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != d {
				t.Errorf("%v after %v; want %v", err, time.Since(began), d)
			}
		}
		set(time.Now().Add(-time.Second))
		expect(0)
		expect(0)
		set(time.Now().Add(time.Second))
		expect(time.Second)
		set(time.Now().Add(time.Hour))
		time.AfterFunc(time.Second, func() { set(time.Now().Add(time.Second)) })
		expect(2 * time.Second)
		set(time.Now().Add(time.Second))
		time.AfterFunc(time.Second/2, func() { set(time.Now().Add(time.Hour)) })
		time.AfterFunc(time.Minute, func() { set(time.Time{}) })
		time.AfterFunc(2*time.Hour, func() { set(time.Now()) })
		expect(2 * time.Hour)
	})
}

// A deadline for writing that has passed does not keep Await busy.
func TestAwaitKnowsNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := attached(t)
		s.SetDeadline(time.Now())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Await(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// slow is a stream whose deadline passes while it has bytes.
type slow struct{ *stream }

func (s slow) Read(p []byte) (int, error) {
	n, err := s.stream.Read(p)
	if err == nil {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// Some streams forget then to ask their other end for more: another one is wanted, and
// nothing is lost.
func TestDeadlinePassesWithBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lost := make(chan struct{}, 1)
		r := NewReceiver(0, func() { lost <- struct{}{} })
		a, b := newPair(0, 1<<20)
		b.r.Reset(slow{b})
		r.Attach(b)
		_, _ = a.Write(make([]byte, 10_000))
		if n, err := r.Read(make([]byte, 8192)); n != 8192 || err != nil {
			t.Fatal(n, err)
		}
		<-lost
		if at := r.Detach(); at != 8192 {
			t.Error(at)
		}
	})
}
