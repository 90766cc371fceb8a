package pipe_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// Attackers that have the input end, and what whoever dials them gets of it.

// pipeOf makes an advertisement of a pipe whose input end an attacker has.
func (m *mallory) pipeOf() *adv.Pipe {
	return &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: m.e.ID()}
}

// accepted reads what a stream is opened with, and says that it is welcome.
func accepted(st *endpoint.Stream, at uint64) *wire.Open {
	o := new(wire.Open)
	if st.ReadMsg(o, 1000) != nil {
		return nil
	}
	if st.WriteMsg(&wire.Opened{Status: wire.Opened_OK, Position: at}) != nil {
		return nil
	}
	return o
}

// An input end that drops the streams at any point of their opening: who dials gets an
// error, or a connection that says so later, and nothing is left of it.
func TestInputEndThatDropsStreams(t *testing.T) {
	half := []byte{2, 8} // of an Opened
	drop := map[string]func(st *endpoint.Stream, o *wire.Open){
		"at once":          nil,
		"after the open":   func(st *endpoint.Stream, _ *wire.Open) { _ = st.Reset() },
		"closed":           func(st *endpoint.Stream, _ *wire.Open) { _ = st.Close() },
		"half an answer":   func(st *endpoint.Stream, _ *wire.Open) { _, _ = st.Write(half); _ = st.Reset() },
		"garbage":          func(st *endpoint.Stream, _ *wire.Open) { _, _ = st.Write(bytesOf(0xff, 100)) },
		"an empty answer":  func(st *endpoint.Stream, _ *wire.Open) { _, _ = st.Write([]byte{0}) },
		"unknown status":   func(st *endpoint.Stream, _ *wire.Open) { _ = st.WriteMsg(&wire.Opened{Status: 99}) },
		"gone":             func(st *endpoint.Stream, _ *wire.Open) { _ = st.WriteMsg(&wire.Opened{Status: wire.Opened_GONE}) },
		"after the answer": func(st *endpoint.Stream, _ *wire.Open) { ok(st, 0); _ = st.Reset() },
		"answered, closed": func(st *endpoint.Stream, _ *wire.Open) { ok(st, 0); _ = st.Close() },
		"read no more":     func(st *endpoint.Stream, _ *wire.Open) { ok(st, 0); _ = st.CloseWrite() },
		"back": func(st *endpoint.Stream, o *wire.Open) {
			ok(st, 0)
			if o.GetDirection() == wire.Open_BACK {
				_ = st.Reset()
			} else {
				st.Keep()
			}
		},
		"no back": func(st *endpoint.Stream, o *wire.Open) {
			if o.GetDirection() == wire.Open_FORWARD {
				ok(st, 0)
				st.Keep()
			}
		},
	}
	for name, f := range drop {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				m, _ := attack(t, w)
				m.e.Handle("pipe", func(st *endpoint.Stream) {
					o := new(wire.Open)
					if f == nil || st.ReadMsg(o, 1000) != nil {
						_ = st.Reset()
						return
					}
					f(st, o)
				})
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				c, err := m.to.Net().Pipe().DialPipe(ctx, m.pipeOf())
				if d := time.Since(began); d > 6*time.Second {
					t.Errorf("dialled for %v", d)
				}
				if err == nil {
					_ = c.SetReadDeadline(time.Now().Add(2 * longAfter))
					if _, err = c.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrBroken) && !errors.Is(err, os.ErrDeadlineExceeded) {
						t.Errorf("read: %v", err)
					}
					_ = c.Close()
				} else if !errors.Is(err, pipe.ErrNotBound) && !errors.Is(err, pipe.ErrRefused) {
					t.Errorf("dialled: %v", err)
				}
				time.Sleep(2 * longAfter)
				if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

func ok(st *endpoint.Stream, at uint64) {
	_ = st.WriteMsg(&wire.Opened{Status: wire.Opened_OK, Position: at})
}

// An input end that wants a session to go on where that was not, or not any more.
func TestInputEndThatWantsAnotherPosition(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		m.e.Handle("pipe", func(st *endpoint.Stream) {
			o := new(wire.Open)
			_ = st.ReadMsg(o, 1000)
			ok(st, uint64(o.GetAttempt())*(1<<40))
			if o.GetDirection() == wire.Open_FORWARD && o.GetAttempt() == 0 {
				_, _ = io.ReadFull(st.Reader(), make([]byte, 2))
				_ = st.Reset()
				return
			}
			st.Keep()
		})
		c, err := m.to.Net().Pipe().DialPipe(t.Context(), m.pipeOf())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("abc")); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrProtocol) {
			t.Errorf("read: %v", err)
		}
		if _, err := c.Write([]byte("abc")); !errors.Is(err, pipe.ErrProtocol) {
			t.Errorf("write: %v", err)
		}
		_ = c.Close()
	})
}

// replier is an input end that does as it likes with the stream of replies.
func replier(t *testing.T, w *testnet.World, back func(st *endpoint.Stream)) (*mallory, *pipe.Output) {
	t.Helper()
	m, _ := attack(t, w)
	m.e.Handle("pipe", func(st *endpoint.Stream) {
		if o := accepted(st, 0); o != nil && o.GetDirection() == wire.Open_BACK {
			back(st)
		}
		_, _ = io.Copy(io.Discard, st.Reader())
	})
	out, err := m.to.Net().Pipe().Resolve(t.Context(), m.pipeOf())
	if err != nil {
		t.Fatal(err)
	}
	return m, out
}

// reply writes a reply to the request of that number.
func reply(st *endpoint.Stream, number []byte, s string) {
	m := text(s)
	m.Add("juxta:request", "", number)
	b, _ := m.AppendBinary(nil)
	send(st, flow.Data, uint64(len(b)), b)
}

// Replies that nobody has asked for go nowhere.
func TestForgedReplies(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, out := replier(t, w, func(st *endpoint.Stream) {
			one := binary.BigEndian.AppendUint64(nil, 1)
			for _, number := range [][]byte{nil, {1}, make([]byte, 8), bytesOf(0xff, 8), append(one, 0), make([]byte, 500)} {
				reply(st, number, "forged")
			}
			tell(t, st, "no reply at all")
			reply(st, one, "mine")
			reply(st, one, "twice")
			reply(st, binary.BigEndian.AppendUint64(nil, 2), "before it was asked")
		})
		m, err := out.Request(t.Context(), text("x"))
		if e, ok := m.Get("data"); err != nil || !ok || string(e.Data) != "mine" {
			t.Errorf("reply %q, %v", e.Data, err)
		}
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := out.Request(ctx, text("y")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the next one: %v", err)
		}
	})
}

// Replies that cannot be end the session with an error that says so.
func TestRepliesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(st *endpoint.Stream)
		want error
	}{
		"garbage":     {func(st *endpoint.Stream) { send(st, flow.Data, 5, []byte("abcde")) }, pipe.ErrProtocol},
		"too long":    {func(st *endpoint.Stream) { send(st, flow.Data, flow.MaxFrame+1, nil) }, pipe.ErrProtocol},
		"one stalled": {func(st *endpoint.Stream) { send(st, flow.More, 5, []byte("abcde")) }, pipe.ErrProtocol},
		"the end":     {func(st *endpoint.Stream) { _, _ = st.Write(flow.EndFrame) }, pipe.ErrBroken},
		"endless pieces": {func(st *endpoint.Stream) {
			piece := make([]byte, flow.MaxFrame)
			for range message.MaxSize/flow.MaxFrame + 1 {
				send(st, flow.More, flow.MaxFrame, piece)
			}
		}, message.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				m, out := replier(t, w, c.do)
				for i := range 3 { // each finds the input end anew
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
					if _, err := out.Request(ctx, text("x")); !errors.Is(err, c.want) {
						t.Errorf("request %d: %v", i, err)
					}
					cancel()
				}
				_ = out.Close()
				if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

// Whoever dials and leaves at any point of it leaves nothing behind, and keeps nobody out.
func TestDialerThatLeaves(t *testing.T) {
	half := []byte{40, 10, 33} // of an Open
	answered := func(st *endpoint.Stream, o *wire.Open) {
		_ = st.WriteMsg(o)
		_ = st.ReadMsg(new(wire.Opened), 1000)
	}
	leave := []func(m *mallory, o *wire.Open){
		func(m *mallory, _ *wire.Open) { _ = m.stream().Reset() },
		func(m *mallory, _ *wire.Open) { _ = m.stream().Close() },
		func(m *mallory, _ *wire.Open) { st := m.stream(); _, _ = st.Write(half); _ = st.Reset() },
		func(m *mallory, _ *wire.Open) { st := m.stream(); _, _ = st.Write(half); _ = st.CloseWrite() },
		func(m *mallory, o *wire.Open) { st := m.stream(); _ = st.WriteMsg(o); _ = st.Reset() },
		func(m *mallory, o *wire.Open) { st := m.stream(); _ = st.WriteMsg(o); _ = st.Close() },
		func(m *mallory, o *wire.Open) { st := m.stream(); answered(st, o); _ = st.Reset() },
		func(m *mallory, o *wire.Open) { st := m.stream(); answered(st, o); _ = st.Close() },
		func(m *mallory, o *wire.Open) { st := m.stream(); answered(st, o); _ = st.CloseWrite() },
		func(m *mallory, o *wire.Open) {
			st, back := m.stream(), m.stream()
			answered(st, o)
			_ = back.WriteMsg(next(o, wire.Open_BACK, 1, 0))
			_ = back.Reset()
			_ = st.Reset()
		},
		func(m *mallory, o *wire.Open) {
			st, back := m.stream(), m.stream()
			answered(st, o)
			answered(back, next(o, wire.Open_BACK, 1, 0))
			_ = st.Reset()
			_ = back.CloseWrite()
		},
	}
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		bob := w.Start("bob", m.to)
		w.Settle(bob)
		ln := m.listener("talk")
		go serveAll(t.Context(), ln)
		for range 10 {
			for _, f := range leave {
				f(m, begin(ln.Advertisement().PipeID, wire.Open_STREAM))
				f(m, begin(in.Advertisement().PipeID, wire.Open_MESSAGES))
			}
			time.Sleep(15 * time.Second) // until there are places again
		}
		stillServes(t, m.to, bob)
		time.Sleep(longAfter)
		if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		_ = ln.Close()
	})
}
