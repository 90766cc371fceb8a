package flow

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A Receiver that acknowledges what cannot be ends the session.
func TestHostileReceiver(t *testing.T) {
	position := func(v uint64) []byte { return binary.AppendUvarint(nil, v) }
	for name, acks := range map[string][]byte{
		"more than was sent":  position(102),
		"fewer than before":   append(position(50), position(49)...),
		"an endless position": bytes.Repeat([]byte{0x80}, 100),
		"a huge position":     position(1 << 63),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSender(0, func() { t.Error("another stream is wanted") })
				a, b := newPair(time.Millisecond, 1<<20)
				_ = s.Attach(a, 0)
				_, _ = s.Write(make([]byte, 99)) // and a header of 2 bytes
				synctest.Wait()
				_, _ = b.Write(acks)
				<-s.Done()
				if !errors.Is(s.Err(), ErrViolation) || s.Attached() {
					t.Error(s.Err(), s.Attached())
				}
				if _, err := s.Write([]byte("x")); !errors.Is(err, ErrViolation) {
					t.Error(err)
				}
				s.Detach()
			})
		})
	}
}

// One that acknowledges nothing has the Sender wait, with no more than Limit.
func TestReceiverAcknowledgesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, _ := attached(t)
		s.SetDeadline(time.Now().Add(time.Minute))
		began := time.Now()
		n, err := s.Write(make([]byte, Limit+1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute || n < Limit-1024 {
			t.Error(n, err, time.Since(began))
		}
		s.SetDeadline(time.Time{})
		watch(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, size := range []int{MaxFrame, 3 * MaxFrame} {
			if _, err := s.Append(ctx, text(make([]byte, size)), false); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if got := s.buf.end; got > Limit {
			t.Error(got)
		}
	})
}

func TestAttachOutOfWindow(t *testing.T) {
	for _, from := range []uint64{49, 102} {
		synctest.Test(t, func(t *testing.T) {
			s := NewSender(0, func() {})
			a, b := newPair(0, 1<<20)
			_ = s.Attach(a, 0)
			_, _ = s.Write(make([]byte, 99))
			synctest.Wait()
			_, _ = b.Write([]byte{50})
			synctest.Wait()
			a, b = newPair(0, 1)
			if err := s.Attach(a, from); !errors.Is(err, ErrViolation) || !errors.Is(s.Err(), ErrViolation) {
				t.Error(err, s.Err())
			}
			if _, err := b.Read(make([]byte, 1)); err != errReset {
				t.Error(err)
			}
		})
	}
}

// What a Sender may begin with: all else is for the frames' reader to refuse.
func TestHostileSender(t *testing.T) {
	for name, b := range map[string][]byte{
		"a frame too long": {0x84, 0x80, 0x10},
		"no header":        bytes.Repeat([]byte{0xff}, 1000),
		"an unknown sign":  {0x0b},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, st := newPair(0, 1<<20)
				r := NewReceiver(0, func() { t.Error("another stream is wanted") })
				r.Attach(st)
				_, _ = a.Write(b)
				_, _, err := (&taker{r: r}).next()
				if !errors.Is(err, ErrViolation) {
					t.Fatal(err)
				}
				r.Fail(err)
				if _, again := r.Read(make([]byte, 1)); again != err {
					t.Error(again)
				}
			})
		})
	}
}
