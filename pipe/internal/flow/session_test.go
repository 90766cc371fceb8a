package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// torture runs a test with many seeds, each with lines and troubles of its own.
func torture(t *testing.T, seeds uint64, f func(t *testing.T, p *pair, r *rand.Rand)) {
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 0))
				p := newSession(upTo(r, 40*time.Millisecond), 4096+r.IntN([]int{30_000, 1 << 20}[seed%2]))
				p.start(seed, time.Duration(1+r.IntN(2000))*time.Millisecond)
				p.attach(true)
				f(t, p, r)
				if err := p.s.Err(); err != nil {
					t.Error(err)
				}
				p.stop()
			})
		})
	}
}

// watch checks the bounds of what a Sender holds.
func watch(t *testing.T, s *Sender) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.buf.end - s.acked; kept > MaxLimit {
		t.Fatalf("%d bytes are kept", kept)
	}
	if n := len(s.buf.blocks) * blockSize; n > 2*(MaxLimit+blockSize) {
		t.Fatalf("%d bytes of blocks", n)
	}
	if s.high > s.buf.end || s.buf.sent > s.high || s.acked > s.high {
		t.Fatalf("sent %d, acknowledged %d, at most %d, of %d", s.buf.sent, s.acked, s.high, s.buf.end)
	}
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		v := r.Uint64()
		for k := range min(8, n-i) {
			b[i+k] = byte(v >> (8 * k))
		}
	}
	return b
}

func TestBytesSurviveAnything(t *testing.T) {
	torture(t, 8, func(t *testing.T, p *pair, r *rand.Rand) {
		in := &taker{r: p.r, rand: rand.New(rand.NewPCG(r.Uint64(), 0))}
		data := random(r, r.IntN(7<<20))
		go func() {
			for n := 0; n < len(data); {
				if r.IntN(4) == 0 {
					p.s.SetDeadline(time.Now().Add(upTo(r, 200*time.Millisecond) - 20*time.Millisecond))
				}
				k, err := p.s.Write(data[n : n+r.IntN(min(len(data)-n, []int{100, 10_000, 5 << 20}[r.IntN(3)])+1)])
				if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Error(err)
					break
				}
				p.s.SetDeadline(time.Time{})
				n += k
				watch(t, p.s)
			}
			p.s.End()
			if _, err := p.s.Write([]byte("more")); err != net.ErrClosed {
				t.Error(err)
			}
		}()
		var got []byte
		for {
			h, body, err := in.next()
			if err != nil {
				t.Fatal(err)
			}
			if h.Kind == Sign {
				break
			}
			if got = append(got, body...); !bytes.HasPrefix(data[len(got)-len(body):], body) {
				t.Fatalf("other bytes before %d", len(got))
			}
		}
		if len(got) != len(data) {
			t.Errorf("%d bytes of %d", len(got), len(data))
		}
		p.r.End()
		<-p.s.Done()
		if at, done := p.s.Acked(); !done || at != in.pos {
			t.Errorf("acknowledged: %d of %d, %v", at, in.pos, done)
		}
		if _, err := p.r.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
	})
}

func TestMessagesSurviveAnything(t *testing.T) {
	torture(t, 8, func(t *testing.T, p *pair, r *rand.Rand) {
		in := &taker{r: p.r, rand: rand.New(rand.NewPCG(r.Uint64(), 0))}
		sent := make(chan []byte, 1000)
		go func() {
			defer close(sent)
			for range r.IntN(100) {
				m := random(r, r.IntN([]int{1, 100, 100, 5000, 10_000, 50_000, 100_000, 100_000, 5 << 20}[r.IntN(9)]+1))
				ctx, cancel := context.WithCancel(context.Background())
				if r.IntN(4) == 0 {
					ctx, cancel = context.WithTimeout(ctx, upTo(r, time.Second))
				}
				at, err := p.s.Append(ctx, text(m), r.IntN(4) == 0)
				switch {
				case err == nil:
					sent <- m
				case ctx.Err() == nil:
					t.Error(err)
				}
				watch(t, p.s)
				if err == nil && r.IntN(20) == 0 {
					if err := p.s.Await(context.Background(), at); err != nil {
						t.Error(err)
					}
					if acked, _ := p.s.Acked(); acked < at {
						t.Errorf("%d of %d is acknowledged", acked, at)
					}
				}
				cancel()
			}
			p.s.End()
		}()
		for {
			m, end, err := in.message()
			if err != nil {
				t.Fatal(err)
			}
			want, ok := <-sent
			if end == ok || !bytes.Equal(m, want) {
				t.Fatalf("a message of %d bytes, %v; want %d, %v", len(m), end, len(want), !ok)
			}
			if end {
				break
			}
		}
		p.r.End()
		<-p.s.Done()
	})
}
