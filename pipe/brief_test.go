package pipe_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
)

// Pipes that are opened, used for a little, and closed, on a line that is cut at any
// moment of that: the tests of this file are about beginnings and ends.

// cutSoon has the line cut among the bytes that one brief pipe takes, its connection's
// beginning included.
func (l *line) cutSoon(rnd *rand.Rand) { l.CutAt(rnd.Int64N(1 << (6 + rnd.IntN(9)))) }

// briefly returns how many of them there are.
func briefly() int {
	switch {
	case os.Getenv("JUXTA_TORTURE") != "":
		return 200
	case testing.Short():
		return 6
	}
	return 12
}

// gatherer takes the streams that come through a listener, and keeps what each has
// brought until its end by the number that it begins with.
type gatherer struct {
	wg sync.WaitGroup

	mu  sync.Mutex // guards what follows
	got map[uint32][]byte
}

func gather(t testing.TB, ln net.Listener) *gatherer {
	k := &gatherer{got: map[uint32][]byte{}}
	k.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			k.wg.Go(func() { k.take(t, c) })
		}
	})
	return k
}

func (k *gatherer) take(t testing.TB, c net.Conn) {
	defer c.Close()
	b, err := io.ReadAll(c)
	if err != nil || len(b) < 4 {
		t.Errorf("a stream of %d bytes: %v", len(b), err)
		return
	}
	n := binary.BigEndian.Uint32(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, twice := k.got[n]; twice {
		t.Errorf("stream %d has come twice", n)
	}
	k.got[n] = b
}

func (k *gatherer) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.got)
}

// What was written before Close arrives, though the one who wrote it does not wait for
// that, and the line is cut meanwhile.
func TestBriefStreams(t *testing.T) {
	for name, cutting := range map[string]bool{"whole": false, "cut": true} {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, 2*time.Minute)
			ln, err := l.server.Net().Pipe().ListenOn(l.pipeOf(l.server))
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			k := gather(t, ln)
			rnd := rand.New(rand.NewPCG(8, 1))
			want := make([][]byte, briefly())
			for i := range want {
				want[i] = make([]byte, 4+rnd.IntN(1<<rnd.IntN(14)))
				_, _ = random().Read(want[i])
				binary.BigEndian.PutUint32(want[i], uint32(i))
				if cutting {
					l.cutSoon(rnd)
				}
				c, err := l.client.Net().Pipe().DialPipe(l.done, ln.Advertisement())
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Write(want[i])
				if err == nil && i%3 > 0 {
					err = c.CloseWrite()
				}
				if err == nil && i%3 > 1 {
					wantEnd(t, c)
				}
				if err != nil {
					t.Errorf("stream %d: %v", i, err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
			l.until(t, "all have come", func() bool { return k.count() == len(want) })
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
			k.wg.Wait()
			for i, b := range want {
				if !bytes.Equal(k.got[uint32(i)], b) {
					t.Errorf("stream %d: %d bytes have come, want %d", i, len(k.got[uint32(i)]), len(b))
				}
			}
			t.Logf("%d streams, %d cuts", len(want), l.Cuts())
		})
	}
}

// An output end that was closed without an error has lost nothing, and a receipt is
// given for what has arrived.
func TestBriefOutputs(t *testing.T) {
	l := newLine(t, 2*time.Minute)
	in, err := l.server.Net().Pipe().Bind(l.done, l.pipeOf(l.server))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]int, briefly())
	var receiving sync.WaitGroup
	receiving.Go(func() {
		for m, err := range in.Messages(l.done) {
			if err != nil {
				return
			}
			e, _ := m.Get("data")
			of, n := binary.BigEndian.Uint32(e.Data), int(binary.BigEndian.Uint32(e.Data[4:]))
			if n != got[of] {
				t.Errorf("output end %d: message %d, want %d", of, n, got[of])
			}
			got[of] = n + 1
		}
	})
	rnd := rand.New(rand.NewPCG(9, 1))
	sent := make([]int, len(got))
	for i := range sent {
		l.cutSoon(rnd)
		sent[i] = rnd.IntN(1 << rnd.IntN(7))
		if err := l.sendBriefly(in.Advertisement(), i, sent[i], rnd); err != nil {
			t.Errorf("output end %d: %v", i, err)
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	receiving.Wait()
	for i, n := range sent {
		if got[i] != n {
			t.Errorf("output end %d: %d messages have come, want %d", i, got[i], n)
		}
	}
	t.Logf("%d output ends, %d cuts", len(sent), l.Cuts())
}

// A peer that is closed with its pipes waits for what they have sent, also if the line
// is cut meanwhile.
func TestPeerIsClosedAtOnce(t *testing.T) {
	const size, count = 3 << 20, 20_000 // less than what is kept
	for name, at := range map[string]int64{"whole": 0, "cut": size / 4} {
		t.Run("stream "+name, func(t *testing.T) {
			l := newLine(t, time.Minute)
			near, far := l.stream(t)
			if at > 0 {
				l.CutAt(at)
			}
			var receiving sync.WaitGroup
			receiving.Go(func() {
				if j, _, err := drain(far, size); err != nil {
					t.Errorf("%d bytes of %d: %v", j.bytes, size, err)
					return
				}
				wantEnd(t, far)
			})
			if err := errors.Join(pour(near, size), near.Close(), l.client.Close()); err != nil {
				t.Error(err)
			}
			receiving.Wait()
		})
		t.Run("messages "+name, func(t *testing.T) {
			l := newLine(t, time.Minute)
			in, out := l.ends(t, l.client, l.server)
			if at > 0 {
				l.CutAt(at)
			}
			for i := range count {
				if i == 10_000 { // more than what is kept has to be received
					var receiving sync.WaitGroup
					defer receiving.Wait()
					receiving.Go(func() { receiveAll(t, l, in, count) })
				}
				if err := out.Send(l.done, numbered(i, 100)); err != nil {
					t.Fatalf("message %d: %v", i, err)
				}
			}
			if err := l.client.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// receiveAll sees n numbered messages arrive.
func receiveAll(t testing.TB, l *line, in *pipe.Input, n int) {
	for i := range n {
		m, err := in.Receive(l.done)
		if err != nil {
			t.Errorf("message %d of %d: %v", i, n, err)
			return
		}
		if got := numberOf(t, m); got != i {
			t.Errorf("message %d is number %d", i, got)
			return
		}
	}
}

// sendBriefly sends n messages through an output end of its own.
func (l *line) sendBriefly(a *adv.Pipe, of, n int, rnd *rand.Rand) error {
	o, err := l.client.Net().Pipe().Resolve(l.done, a)
	if err != nil {
		return err
	}
	for i := range n {
		data := make([]byte, 8+rnd.IntN(300))
		binary.BigEndian.PutUint32(data, uint32(of))
		binary.BigEndian.PutUint32(data[4:], uint32(i))
		m := new(message.Message)
		m.Add("data", "", data)
		if rnd.IntN(9) == 0 {
			_, err = o.SendReceipt(l.done, m)
		} else {
			err = o.Send(l.done, m)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, o.Close())
}
