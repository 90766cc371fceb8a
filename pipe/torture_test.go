package pipe_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// The tests of this file are the proof that pipes lose nothing: they carry a lot over
// lines that are cut to the byte, in the middle of whatever goes through them, the
// greetings of the next connection included. The cuts are the same in each run. With
// JUXTA_TORTURE in the environment they carry as much as was promised: 1 GiB and
// 1,000,000 messages through 20 cuts; without, as much as the race detector gets through
// in reasonable time; with -short, less.

// torture is how much is carried, and how often it is cut meanwhile.
type torture struct {
	bytes, messages int
	cuts            int
}

func tortureOf(t testing.TB) (a torture) {
	t.Helper()
	switch {
	case os.Getenv("JUXTA_TORTURE") != "":
		a = torture{1 << 30, 1_000_000, 20}
	case testing.Short():
		a = torture{64 << 20, 50_000, 5}
	default:
		a = torture{256 << 20, 200_000, 20}
	}
	t.Logf("%d MiB, %d messages, %d cuts (JUXTA_TORTURE=1 for 1 GiB and 1,000,000)", a.bytes>>20, a.messages, a.cuts)
	return a
}

// randomly returns so many places among n bytes.
func randomly(seed uint64, n, places int) []int64 {
	rnd := rand.New(rand.NewPCG(seed, 1))
	at := make([]int64, places)
	for i := range at {
		at[i] = 1 + rnd.Int64N(int64(n))
	}
	return at
}

// journey is what was measured of some bytes on their way.
type journey struct {
	bytes   int
	took    time.Duration
	silence time.Duration // the longest time in which nothing arrived
}

func (j journey) rate() float64 { return float64(j.bytes) / (1 << 20) / j.took.Seconds() }

// carry sends n pseudo-random bytes one way and sees the same arrive.
func carry(from, to net.Conn, n int) (journey, error) {
	var sending sync.WaitGroup
	var failed error
	sum := sha256.New()
	sending.Go(func() {
		if failed = pour(io.MultiWriter(from, sum), n); failed != nil {
			_ = to.SetReadDeadline(time.Now())
		}
	})
	j, got, err := drain(to, n)
	if err != nil {
		_ = from.SetWriteDeadline(time.Now())
	}
	sending.Wait()
	if want := sum.Sum(nil); err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("SHA-256 is %x, want %x", got, want)
	}
	if err = errors.Join(failed, err); err != nil {
		return j, fmt.Errorf("%d bytes of %d: %w", j.bytes, n, err)
	}
	return j, nil
}

// carried is carry for those who cannot go on without.
func carried(t testing.TB, from, to net.Conn, n int) journey {
	t.Helper()
	j, err := carry(from, to, n)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// random is the source of all bytes that are sent.
func random() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{7}) }

// pour writes n bytes in pieces of all sizes.
func pour(w io.Writer, n int) error {
	src, sizes := random(), rand.New(rand.NewPCG(3, 1))
	buf := make([]byte, 192<<10)
	for n > 0 {
		b := buf[:min(n, 1+sizes.IntN(1<<sizes.IntN(18)))]
		_, _ = src.Read(b)
		k, err := w.Write(b)
		if n -= k; err != nil {
			return err
		}
	}
	return nil
}

// drain reads n bytes, and returns their SHA-256. It fails at the first that is wrong.
func drain(r io.Reader, n int) (j journey, sum []byte, err error) {
	src, hash := random(), sha256.New()
	buf, want := make([]byte, 96<<10), make([]byte, 96<<10)
	begun := time.Now()
	for last := begun; j.bytes < n; {
		k, err := r.Read(buf[:min(len(buf), n-j.bytes)])
		now := time.Now()
		j.silence, last = max(j.silence, now.Sub(last)), now
		_, _ = src.Read(want[:k])
		if !bytes.Equal(buf[:k], want[:k]) {
			return j, nil, errors.New("other bytes than were sent")
		}
		_, _ = hash.Write(buf[:k])
		if j.bytes += k; err != nil && j.bytes < n {
			return j, nil, err
		}
	}
	j.took = time.Since(begun)
	return j, hash.Sum(nil), nil
}

// wantEnd sees that nothing follows.
func wantEnd(t testing.TB, r io.Reader) {
	t.Helper()
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
}

// A stream of bytes through cuts at random places, in either direction and in both at
// once, is the stream that was sent.
func TestStreamThroughCuts(t *testing.T) {
	how := tortureOf(t)
	for name, through := range map[string]func(near, far net.Conn) (journey, error){
		"up":   func(near, far net.Conn) (journey, error) { return carry(near, far, how.bytes) },
		"down": func(near, far net.Conn) (journey, error) { return carry(far, near, how.bytes) },
		"both": func(near, far net.Conn) (journey, error) { return carryBothWays(near, far, how.bytes/4) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, 5*time.Minute)
			near, far := l.stream(t)
			before := carried(t, near, far, how.bytes/8)
			l.CutAt(randomly(1, how.bytes/4, how.cuts)...)
			during, err := through(near, far)
			if err != nil {
				t.Fatalf("after %d cuts: %v", l.Cuts(), err)
			}
			if n := l.Cuts(); n != how.cuts {
				t.Errorf("%d cuts, want %d", n, how.cuts)
			}
			after := carried(t, near, far, how.bytes/8)
			t.Logf("%.0f MiB/s, with %d cuts %.0f MiB/s, %v of silence at most, then %.0f MiB/s",
				before.rate(), how.cuts, during.rate(), during.silence.Round(time.Millisecond), after.rate())
			closeBoth(t, near, far)
		})
	}
}

func carryBothWays(near, far net.Conn, n int) (j journey, err error) {
	var back sync.WaitGroup
	var failed error
	back.Go(func() { _, failed = carry(far, near, n) })
	j, err = carry(near, far, n)
	back.Wait()
	return j, errors.Join(err, failed)
}

// closeBoth ends a stream in order.
func closeBoth(t testing.TB, near, far net.Conn) {
	t.Helper()
	if err := near.(*pipe.Conn).CloseWrite(); err != nil {
		t.Error(err)
	}
	wantEnd(t, far)
	if err := far.Close(); err != nil {
		t.Error(err)
	}
	wantEnd(t, near)
	if err := near.Close(); err != nil {
		t.Error(err)
	}
}

// Numbered messages through cuts at random places: each arrives once, in order.
func TestMessagesThroughCuts(t *testing.T) {
	how := tortureOf(t)
	for name, part := range map[string]int{"up": 1, "down": 4} { // the server has to wait for the client to dial
		t.Run(name, func(t *testing.T) {
			l := newLine(t, 5*time.Minute)
			from, to := l.client, l.server
			if name == "down" {
				from, to = to, from
			}
			n, cuts := how.messages/part, how.cuts/part
			in, out := l.ends(t, from, to)
			before := exchange(t, l, from, in, out, n/8)
			l.CutAt(randomly(2, 100*n, cuts)...)
			during := exchange(t, l, from, in, out, n)
			if got := l.Cuts(); got != cuts {
				t.Errorf("%d cuts, want %d", got, cuts)
			}
			after := exchange(t, l, from, in, out, n/8)
			t.Logf("%.0f messages/s, with %d cuts %.0f, then %.0f", before, cuts, during, after)
			if err := out.Close(); err != nil {
				t.Error(err)
			}
			wantNoMore(t, in)
		})
	}
}

// exchange sends n numbered messages and sees them arrive; it returns how many in a
// second.
func exchange(t testing.TB, l *line, from *peer.Peer, in *pipe.Input, out *pipe.Output, n int) float64 {
	t.Helper()
	begun := time.Now()
	ctx, cancel := context.WithCancel(l.done)
	var sending sync.WaitGroup
	sending.Go(func() {
		for i := range n {
			if err := out.Send(ctx, numbered(i, 100)); err != nil {
				t.Errorf("message %d: %v", i, err)
				cancel() // nothing follows
				return
			}
		}
	})
	defer sending.Wait()
	defer cancel()
	for i := range n {
		m, who, err := in.ReceiveFrom(ctx)
		if err != nil {
			t.Fatalf("message %d of %d: %v", i, n, err)
		}
		if got := numberOf(t, m); got != i || who != from.ID() {
			t.Fatalf("message %d is number %d, from %v", i, got, who)
		}
	}
	return float64(n) / time.Since(begun).Seconds()
}

func numberOf(t testing.TB, m *message.Message) int {
	t.Helper()
	e, ok := m.Get("data")
	if !ok || len(e.Data) < 4 {
		t.Fatalf("a message without a number: %d bytes", len(e.Data))
	}
	return int(binary.BigEndian.Uint32(e.Data))
}

// wantNoMore closes an input end all of whose messages were received.
func wantNoMore(t testing.TB, in *pipe.Input) {
	t.Helper()
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if m, err := in.Receive(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("one more message: %v, %v", m, err)
	}
}
