package pipe_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// An output end that finds its input end anew leaves nothing of the session before.
func TestSessionsThatAreReplaced(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		for range 5 {
			in.Close()
			time.Sleep(time.Second)
			var err error
			if in, err = alice.Net().Pipe().Bind(t.Context(), in.Advertisement()); err != nil {
				t.Fatal(err)
			}
			for err = errors.New("none yet"); err != nil; {
				if err = out.Send(t.Context(), text("x")); err != nil && !errors.Is(err, pipe.ErrBroken) {
					t.Fatal(err)
				}
			}
		}
		if n := pipe.Sessions(bob.Net().Pipe()); n != 1 {
			t.Errorf("%d sessions go on", n)
		}
		in.Close()
		out.Close()
	})
}

// answerAll replies to each request with what it brings.
func answerAll(ctx context.Context, in *pipe.Input) {
	for {
		r, err := in.Next(ctx)
		if err != nil {
			return
		}
		_ = r.Reply(ctx, withNumber(int(binary.LittleEndian.Uint32(data(r.Message)))))
	}
}

func data(m *message.Message) []byte {
	e, _ := m.Get("n")
	return e.Data
}

// Requests find the input end anew, after they have said that it was lost, also if that
// was while one of them waited.
func TestRequestsFindTheInputEndAnew(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		bob := w.Start("bob", seed)
		home := &peer.Config{Name: "alice", Dir: t.TempDir(), Seeds: seed.Addrs()}
		alice := w.StartConfig(home)
		w.Settle(alice, bob)
		in, out := ends(t, alice, bob)
		asked := make(chan error, 1)
		go func() {
			_, err := out.Request(t.Context(), withNumber(1))
			asked <- err
		}()
		if _, err := in.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Net.Kill(w.Addr(alice)) // before the request is acknowledged
		w.Stop(alice)
		if err := <-asked; !errors.Is(err, pipe.ErrBroken) {
			t.Fatalf("the input end is gone: %v", err)
		}
		alice = w.StartConfig(home)
		w.Settle(alice)
		in, err := alice.Net().Pipe().Bind(t.Context(), in.Advertisement())
		if err != nil {
			t.Fatal(err)
		}
		go answerAll(t.Context(), in)
		var got *message.Message
		for range 3 {
			if got, err = out.Request(t.Context(), withNumber(2)); err == nil {
				break
			}
		}
		if err != nil || number(t, got) != 2 {
			t.Errorf("the input end is back: %v", err)
		}
		in.Close()
		out.Close()
	})
}

// An output end of a shared pipe whose input ends were all lost says so, and finds them
// again when there are some.
func TestRoundRobinFindsInputEndsAnew(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		a, inputs := shared(t, alice)
		out, err := bob.Net().Pipe().ResolveWith(t.Context(), a, &pipe.OutputConfig{RoundRobin: true})
		if err != nil {
			t.Fatal(err)
		}
		inputs[0].Close()
		for err = nil; err == nil; time.Sleep(time.Second) {
			err = out.Send(t.Context(), withNumber(1))
		}
		if !errors.Is(err, pipe.ErrBroken) {
			t.Errorf("no input end is left: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err = out.Send(ctx, withNumber(2)); !errors.Is(err, pipe.ErrNotBound) {
			t.Errorf("no input end is there: %v", err)
		}
		_, inputs = shared(t, alice)
		inputs[0].Close()
		in, err := alice.Net().Pipe().Bind(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if err = out.Send(t.Context(), withNumber(3)); err != nil {
			t.Errorf("an input end is there again: %v", err)
		} else if m, err := in.Receive(t.Context()); err != nil || number(t, m) != 3 {
			t.Errorf("%v", err)
		}
		in.Close()
		out.Close()
	})
}

// Whoever resolves when the peer has ended hears so.
func TestRoundRobinAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		a, _ := shared(t, alice)
		w.Stop(bob)
		if _, err := bob.Net().Pipe().ResolveWith(t.Context(), a, &pipe.OutputConfig{RoundRobin: true}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("resolved: %v", err)
		}
	})
}

// A message that the connection ends in the middle of is not the end of the channel, and
// a length that cannot be is a violation.
func TestChannelThatEndsBadly(t *testing.T) {
	for name, c := range map[string]struct {
		sent string
		want error
	}{
		"at the end":     {"", io.EOF},
		"in a length":    {"\x80", io.ErrUnexpectedEOF},
		"behind it":      {"\x05", io.ErrUnexpectedEOF},
		"in a message":   {"\x05abc", io.ErrUnexpectedEOF},
		"too long":       {"\xff\xff\xff\xff\x7f", pipe.ErrProtocol},
		"endless length": {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", pipe.ErrProtocol},
		"no message":     {"\x05abcde", message.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := net.Pipe()
			go func() {
				_, _ = far.Write([]byte(c.sent))
				_ = far.Close()
			}()
			ch := pipe.NewChannel(near)
			if m, err := ch.Receive(t.Context()); !errors.Is(err, c.want) || m != nil {
				t.Errorf("received %v, %v; want %v", m, err, c.want)
			}
			ch.Close()
		})
	}
}

// The context bounds also the wait for one's turn.
func TestChannelTurns(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		near, far := net.Pipe()
		ch := pipe.NewChannel(near)
		long, giveUp := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- ch.Send(long, text("nobody reads")) }()
		go func() {
			_, err := ch.Receive(long)
			ended <- err
		}()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := ch.Send(ctx, text("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sent: %v", err)
		}
		if _, err := ch.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("received: %v", err)
		}
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("after %v", d)
		}
		giveUp()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
		}
		far.Close()
		ch.Close()
	})
}

// A receiver whose application takes its time keeps back the acknowledgement of what
// came after an urgent message, a large one also: its sender has not stalled.
func TestLargeMessageBehindAReceipt(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		acknowledged := make(chan error, 1)
		go func() {
			_, err := out.SendReceipt(t.Context(), text("urgent"))
			acknowledged <- err
		}()
		time.Sleep(time.Second)
		sent := make(chan error, 1)
		go func() { sent <- out.Send(t.Context(), numbered(1, 9<<20)) }()
		time.Sleep(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 2 {
			if _, err := in.Receive(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := <-acknowledged; err != nil {
			t.Errorf("receipt: %v", err)
		}
		if err := <-sent; err != nil {
			t.Errorf("send: %v", err)
		}
		in.Close()
		out.Close()
	})
}

// A peer that takes every stream and drops it at once does not keep us busy.
func TestResumingInVain(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		var opened atomic.Int64
		m.e.Handle("pipe", func(st *endpoint.Stream) {
			opened.Add(1)
			accepted(st, 0)
			_ = st.Close()
		})
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: m.e.ID()}
		c, err := m.to.Net().Pipe().DialPipe(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if n := opened.Load(); n > 1100 {
			t.Errorf("%d streams in 10 s", n)
		}
		_ = c.Reset()
	})
}

// An output end that is closed while it fails over returns within its 10 s, and leaves
// nothing, whenever another input end turns up.
func TestClosedWhileItFailsOver(t *testing.T) {
	for _, after := range []time.Duration{
		0, time.Second, 9 * time.Second, 9900 * time.Millisecond, 9980 * time.Millisecond,
		10 * time.Second, 10020 * time.Millisecond, 12 * time.Second,
	} {
		t.Run(after.String(), func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				seed, alice, bob := trio(w)
				carol := w.Start("carol", seed)
				w.Settle(alice, bob, carol)
				a, inputs := shared(t, alice)
				out, err := bob.Net().Pipe().Resolve(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				inputs[0].Close()
				time.Sleep(100 * time.Millisecond)
				for i := range 3 {
					if err := out.Send(t.Context(), withNumber(i)); err != nil {
						t.Fatal(err)
					}
				}
				bound := make(chan *pipe.Input, 1)
				time.AfterFunc(after, func() {
					in, err := carol.Net().Pipe().Bind(t.Context(), a)
					if err != nil {
						t.Error(err)
					}
					bound <- in
				})
				began := time.Now()
				err = out.Close()
				if d := time.Since(began); d > 11*time.Second {
					t.Errorf("closed after %v", d)
				}
				in := <-bound
				time.Sleep(time.Minute)
				got := 0
				for ctx, cancel := context.WithTimeout(t.Context(), time.Second); ; got++ {
					if _, e := in.Receive(ctx); e != nil {
						cancel()
						break
					}
				}
				if (err == nil) != (got == 3) && !errors.Is(err, pipe.ErrBroken) {
					t.Errorf("closed: %v, and %d of 3 have arrived", err, got)
				}
				for _, p := range []*peer.Peer{bob, carol} {
					if n := pipe.Sessions(p.Net().Pipe()); n != 0 {
						t.Errorf("%s: %d sessions are left", p.Name(), n)
					}
				}
				in.Close()
			})
		})
	}
}

// A connection that one end resets is broken at the other, at once, whichever that is;
// and what was closed before is cut short.
func TestReset(t *testing.T) {
	for name, first := range map[string]func(c *pipe.Conn) error{
		"open": func(*pipe.Conn) error { return nil }, "closed": (*pipe.Conn).Close, "half": (*pipe.Conn).CloseWrite,
	} {
		for i, which := range []string{"by who dialled", "by who listens"} {
			t.Run(name+" "+which, func(t *testing.T) {
				testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
					_, alice, bob := trio(w)
					near, far := connect(t, alice, bob)
					if i > 0 {
						near, far = far, near
					}
					if _, err := near.Write(make([]byte, 600<<10)); err != nil {
						t.Fatal(err)
					}
					if err := first(near.(*pipe.Conn)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					if err := near.(*pipe.Conn).Reset(); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Second)
					if n, err := io.Copy(io.Discard, far); !errors.Is(err, pipe.ErrBroken) {
						t.Errorf("the other end reads %d bytes, %v", n, err)
					}
					if _, err := far.Write([]byte("x")); !errors.Is(err, pipe.ErrBroken) {
						t.Errorf("and writes: %v", err)
					}
					if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
						t.Errorf("and we read: %v", err)
					}
					_ = far.Close()
					time.Sleep(2 * time.Second)
					for _, p := range []*peer.Peer{alice, bob} {
						if n := pipe.Sessions(p.Net().Pipe()); n != 0 {
							t.Errorf("%s: %d sessions are left", p.Name(), n)
						}
					}
				})
			})
		}
	}
}

// A peer that reads nothing after the other end has closed does not keep it for ever.
func TestNobodyReadsTheRest(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		near, far := connect(t, alice, bob)
		defer far.Close()
		if _, err := near.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		near.Close()
		time.Sleep(4 * time.Minute)
		if n := pipe.Sessions(bob.Net().Pipe()); n != 1 {
			t.Errorf("%d sessions while the rest may yet be read", n)
		}
		time.Sleep(2 * time.Minute)
		if n := pipe.Sessions(bob.Net().Pipe()); n != 0 {
			t.Errorf("%d sessions when nothing was read for minutes", n)
		}
	})
}
