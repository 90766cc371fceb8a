package flow

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// within returns how long it takes until all before a position is acknowledged.
func within(t *testing.T, s *Sender, at uint64) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Await(ctx, at); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := attached(t)
		in := &taker{r: r}
		for _, tt := range []struct {
			what   string
			size   int
			urgent bool
			want   time.Duration
		}{
			{"small", 100, false, 2*10*time.Millisecond + ackDelay},
			{"urgent", 100, true, 2 * 10 * time.Millisecond},
			{"small after urgent", 100, false, 2*10*time.Millisecond + ackDelay},
			{"large", ackEvery, false, 4 * 10 * time.Millisecond}, // more than the stream's window
			{"small after large", 100, false, 2*10*time.Millisecond + ackDelay},
		} {
			at, err := s.Append(t.Context(), text(make([]byte, tt.size)), tt.urgent)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			if _, _, err := in.message(); err != nil {
				t.Fatal(err)
			}
			within(t, s, at)
			if took := time.Since(began); took != tt.want {
				t.Errorf("%s: after %v, not %v", tt.what, took, tt.want)
			}
			time.Sleep(time.Second)
		}
	})
}

// What was acknowledged for another reason is not acknowledged again when its time has
// come, and the next acknowledgement is no earlier for it.
func TestAcknowledgementsAreNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, b := newPair(0, 1<<20)
		r := NewReceiver(0, func() {})
		r.Attach(b)
		written := func() int { return b.out.size() }
		r.Take(10, false)
		r.Take(20, true)
		if n := written(); n != 1 {
			t.Errorf("%d bytes, not 1", n)
		}
		time.Sleep(2 * ackDelay)
		r.Take(30, false)
		if n := written(); n != 1 {
			t.Errorf("%d bytes, not 1", n)
		}
		time.Sleep(ackDelay)
		synctest.Wait()
		if n := written(); n != 2 {
			t.Errorf("%d bytes, not 2", n)
		}
		r.Close()
	})
}

func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, p := attached(t)
		in := &taker{r: r}
		_, _ = s.Write([]byte("hello"))
		s.End()
		s.End()
		for range 2 {
			if _, _, err := in.next(); err != nil {
				t.Fatal(err)
			}
		}
		p.line.cut() // the acknowledgement is not heard
		r.End()
		synctest.Wait()
		if _, done := s.Acked(); done || !r.Attached() || s.Attached() {
			t.Fatal("done:", done)
		}
		p.attach(false)
		<-s.Done()
		synctest.Wait()
		if at, done := s.Acked(); at != in.pos || !done || s.Err() != nil || s.Attached() {
			t.Error(at, done, s.Err())
		}
		if _, err := r.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		r.Fail(errCut)
		if _, err := r.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		r.Close()
		if _, err := r.Read(make([]byte, 1)); err != net.ErrClosed {
			t.Error(err)
		}
	})
}

// The Receiver closes while the Sender is at its limit, and has not read what comes:
// the Sender hears how far it has got, and nobody is left waiting.
func TestReceiverCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r, _ := attached(t)
		failed := make(chan error)
		go func() {
			_, err := s.Write(make([]byte, 2*Limit))
			failed <- err
		}()
		in := &taker{r: r}
		if _, _, err := in.next(); err != nil {
			t.Fatal(err)
		}
		reading := make(chan error)
		go func() {
			for {
				if _, err := r.Read(make([]byte, 100)); err != nil {
					reading <- err
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		time.Sleep(time.Millisecond)
		r.Close()
		if err := <-failed; err != ErrEnded {
			t.Error(err)
		}
		if err := <-reading; err != net.ErrClosed {
			t.Error(err)
		}
		<-s.Done()
		if at, done := s.Acked(); at != in.pos || done || s.Err() != ErrEnded {
			t.Errorf("%d of %d, %v, %v", at, in.pos, done, s.Err())
		}
		if err := s.Await(t.Context(), in.pos+1); err != ErrEnded {
			t.Error(err)
		}
		s.Fail(errCut)
		if s.Err() != ErrEnded {
			t.Error(s.Err())
		}
	})
}

func TestBothFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine := errors.New("mine")
		s, r, p := attached(t)
		reading, writing := make(chan error), make(chan error)
		go func() {
			_, err := r.Read(make([]byte, 1))
			reading <- err
		}()
		go func() { writing <- s.Await(t.Context(), 1) }()
		synctest.Wait()
		s.Fail(mine)
		r.Fail(mine)
		if err := <-reading; err != mine {
			t.Error(err)
		}
		if err := <-writing; err != mine {
			t.Error(err)
		}
		if _, err := s.Append(t.Context(), text("x"), false); err != mine {
			t.Error(err)
		}
		s.Detach()
		p.latency = 0
		a, b := newPair(0, 1)
		if err := s.Attach(a, 0); err != mine {
			t.Error(err)
		}
		r.Attach(b)
		synctest.Wait()
		if len(p.losses) > 0 || s.Attached() {
			t.Error("somebody wants another stream")
		}
	})
}

// An acknowledgement is on its way into a line that has stalled: another one is told
// the same at once; and without another one, the line is given up.
func TestAcknowledgementStalls(t *testing.T) {
	for _, migrate := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			lost := make(chan struct{}, 1)
			r := NewReceiver(0, func() { lost <- struct{}{} })
			_, b := newPair(0, 0)
			r.Attach(b)
			go r.Take(300, true)
			synctest.Wait()
			if migrate {
				r.Detach()
				_, b = newPair(0, 100)
				r.Attach(b)
				synctest.Wait()
				if n := b.out.size(); n != 2 {
					t.Errorf("%d bytes were written", n)
				}
			} else {
				<-lost
				if r.Attached() {
					t.Error("still attached")
				}
			}
			r.Close()
		})
	}
}
