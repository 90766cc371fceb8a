package pipe_test

import (
	"errors"
	"io"
	"math"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// longAfter is when a victim has forgotten all that it had to do with somebody who is
// gone: 30 s of patience and 10 s of memory.
const longAfter = time.Minute

// another is one more attacker.
func (m *mallory) another(w *testnet.World, name string) *mallory {
	m.t.Helper()
	e, _ := w.Endpoint(name)
	if _, err := e.Connect(m.t.Context(), w.Info(m.to)); err != nil {
		m.t.Fatal(err)
	}
	return &mallory{m.t, e, m.to}
}

// say opens a stream with what it says, and returns the answer; nil if there is none.
func (m *mallory) say(o *wire.Open) (*endpoint.Stream, *wire.Opened) {
	m.t.Helper()
	st := m.stream()
	if err := st.WriteMsg(o); err != nil {
		m.t.Fatal(err)
	}
	a := new(wire.Opened)
	if err := st.ReadMsg(a, 1000); err != nil {
		return st, nil
	}
	return st, a
}

// says is say for an answer of that status.
func (m *mallory) says(what string, o *wire.Open, want wire.Opened_Status) (*endpoint.Stream, uint64) {
	m.t.Helper()
	st, a := m.say(o)
	if a.GetStatus() != want {
		m.t.Fatalf("%s: %v, want %v", what, a.GetStatus(), want)
	}
	return st, a.GetPosition()
}

// next is what opens one more stream of a session.
func next(of *wire.Open, d wire.Open_Direction, attempt uint32, at uint64) *wire.Open {
	return &wire.Open{Pipe: of.GetPipe(), Kind: of.GetKind(), Session: of.GetSession(), Direction: d, Attempt: attempt, Position: at}
}

func begin(p id.Pipe, kind wire.Open_Kind) *wire.Open {
	return &wire.Open{Pipe: p.Bytes(), Kind: kind, Session: newSession()}
}

// tell sends a message.
func tell(t *testing.T, st *endpoint.Stream, s string) {
	b := encoded(t, s)
	send(st, flow.Data, uint64(len(b)), b)
}

// hears takes the next message of an input end.
func hears(t *testing.T, in *pipe.Input, want string) {
	t.Helper()
	m, err := in.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := m.Get("data"); !ok || string(e.Data) != want {
		t.Fatalf("heard %q, want %q", e.Data, want)
	}
}

// talking is a stream pipe both of whose directions an attacker has opened by hand.
type talking struct {
	open          *wire.Open
	forward, back *endpoint.Stream
	conn          *pipe.Conn // the victim's end
}

func (m *mallory) listener(name string) *pipe.Listener {
	m.t.Helper()
	ln, err := m.to.Net().Pipe().Listen(m.t.Context(), name)
	if err != nil {
		m.t.Fatal(err)
	}
	return ln
}

func (m *mallory) talk(ln *pipe.Listener) *talking {
	m.t.Helper()
	k := &talking{open: begin(ln.Advertisement().PipeID, wire.Open_STREAM)}
	k.forward, _ = m.says("forward", k.open, wire.Opened_OK)
	k.back, _ = m.says("back", next(k.open, wire.Open_BACK, 1, 0), wire.Opened_OK)
	c, err := ln.Accept()
	if err != nil {
		m.t.Fatal(err)
	}
	k.conn = c.(*pipe.Conn)
	return k
}

// stillServes sees that somebody honest gets through to a victim.
func stillServes(t *testing.T, victim, honest *peer.Peer) {
	t.Helper()
	in, out := ends(t, victim, honest)
	if err := out.Send(t.Context(), text("honest")); err != nil {
		t.Fatal(err)
	}
	hears(t, in, "honest")
	near, far := connect(t, victim, honest)
	go func() { _, _ = near.Write([]byte("honest")) }()
	if _, err := io.ReadFull(far, make([]byte, 6)); err != nil {
		t.Error(err)
	}
	for _, c := range []io.Closer{near, far, out, in} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Who knows the ID of somebody else's session can do nothing with it.
func TestSessionOfSomebodyElse(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		trudy := m.another(w, "trudy")
		open := begin(in.Advertisement().PipeID, wire.Open_MESSAGES)
		st, _ := m.says("mine", open, wire.Opened_OK)
		tell(t, st, "one")
		hears(t, in, "one")
		trudy.says("forward", next(open, wire.Open_FORWARD, 7, 0), wire.Opened_GONE)
		trudy.says("back", next(open, wire.Open_BACK, 7, 0), wire.Opened_GONE)
		trudy.says("end", next(open, wire.Open_END, 7, 0), wire.Opened_GONE)
		hers, _ := trudy.says("one of that number", open, wire.Opened_OK) // it is another one
		tell(t, hers, "hers")
		hears(t, in, "hers")
		trudy.say(next(open, wire.Open_END, 1, 0))
		tell(t, st, "two")
		hears(t, in, "two")
	})
}

func TestStaleAttempts(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		open := begin(in.Advertisement().PipeID, wire.Open_MESSAGES)
		first, _ := m.says("first", open, wire.Opened_OK)
		st, _ := m.says("later", next(open, wire.Open_FORWARD, 5, 0), wire.Opened_OK)
		fails(t, "the first stream", first)
		m.says("the same", next(open, wire.Open_FORWARD, 5, 0), wire.Opened_STALE)
		m.says("before", next(open, wire.Open_FORWARD, 4, 0), wire.Opened_STALE)
		m.says("from the beginning", open, wire.Opened_BUSY)
		m.says("of another kind", next(begin(in.Advertisement().PipeID, wire.Open_STREAM), wire.Open_FORWARD, 9, 0), wire.Opened_GONE)
		m.says("back is counted by itself", next(open, wire.Open_BACK, 1, 0), wire.Opened_OK)
		tell(t, st, "on")
		hears(t, in, "on")
		st, at := m.says("the last", next(open, wire.Open_FORWARD, math.MaxUint32, 0), wire.Opened_OK)
		if want := uint64(1 + len(encoded(t, "on"))); at != want {
			t.Errorf("it goes on at %d, want %d", at, want)
		}
		tell(t, st, "still on")
		hears(t, in, "still on")
	})
}

// What cannot begin a session does not, nor is it one more stream of one.
func TestOpensThatCannotBe(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		p := in.Advertisement().PipeID
		m.says("back before forward", next(begin(p, wire.Open_MESSAGES), wire.Open_BACK, 1, 0), wire.Opened_GONE)
		m.says("end of none", next(begin(p, wire.Open_MESSAGES), wire.Open_END, 1, 0), wire.Opened_GONE)
		open := begin(p, wire.Open_MESSAGES)
		st, _ := m.says("one that is good", open, wire.Opened_OK)
		for _, d := range []wire.Open_Direction{wire.Open_BACK, wire.Open_END, 3, 4, -1, math.MinInt32, math.MaxInt32} {
			first := begin(p, wire.Open_MESSAGES)
			first.Direction = d
			for what, o := range map[string]*wire.Open{"begins": first, "goes on": next(open, d, 9, 0)} {
				if what == "goes on" && (d == wire.Open_BACK || d == wire.Open_END) {
					continue
				}
				if _, a := m.say(o); a != nil {
					t.Errorf("direction %d %s: %v", d, what, a)
				}
			}
		}
		for _, n := range []int{0, 15, 17, 500} {
			o := begin(p, wire.Open_MESSAGES)
			o.Session = make([]byte, n)
			if _, a := m.say(o); a != nil {
				t.Errorf("%d bytes of a session: %v", n, a)
			}
		}
		tell(t, st, "on")
		hears(t, in, "on")
	})
}

// Positions, acknowledgements and frames that cannot be end the session of who sends
// them, and the victim is told why.
func TestViolations(t *testing.T) {
	written := func(c *pipe.Conn) error {
		for {
			if _, err := c.Write(make([]byte, 1000)); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	read := func(c *pipe.Conn) error { _, err := io.ReadAll(c); return err }
	for name, c := range map[string]struct {
		do     func(m *mallory, k *talking)
		victim func(c *pipe.Conn) error
	}{
		"forward beyond what was read": {func(m *mallory, k *talking) {
			m.says("forward", next(k.open, wire.Open_FORWARD, 1, 1), wire.Opened_GONE)
		}, read},
		"back beyond what was sent": {func(m *mallory, k *talking) {
			m.say(next(k.open, wire.Open_BACK, 2, 1<<40))
		}, written},
		"back before what was acknowledged": {func(m *mallory, k *talking) {
			_, _ = k.conn.Write([]byte("abc"))
			_, _ = io.ReadFull(k.back.Reader(), make([]byte, 4))
			_, _ = k.back.Write([]byte{4})
			time.Sleep(time.Second)
			m.say(next(k.open, wire.Open_BACK, 2, 0))
		}, written},
		"acknowledges what was not sent": {func(_ *mallory, k *talking) { _, _ = k.back.Write(bytesOf(0x7f, 1)) }, func(c *pipe.Conn) error { time.Sleep(time.Second); return written(c) }},
		"acknowledges less than before": {func(_ *mallory, k *talking) {
			_, _ = k.conn.Write([]byte("abc"))
			_, _ = io.ReadFull(k.back.Reader(), make([]byte, 4))
			_, _ = k.back.Write([]byte{4, 3})
		}, written},
		"an endless acknowledgement": {func(_ *mallory, k *talking) { _, _ = k.back.Write(bytesOf(0x80, 50)) }, written},
		"a frame that is too long":   {func(_ *mallory, k *talking) { send(k.forward, flow.Data, flow.MaxFrame+1, nil) }, read},
		"an endless length":          {func(_ *mallory, k *talking) { _, _ = k.forward.Write(bytesOf(0x80, 50)) }, read},
		"a piece of a message":       {func(_ *mallory, k *talking) { send(k.forward, flow.More, 1, []byte{1}) }, read},
		"an urgent message":          {func(_ *mallory, k *talking) { send(k.forward, flow.Urgent, 1, []byte{1}) }, read},
		"abort":                      {func(_ *mallory, k *talking) { send(k.forward, flow.Sign, flow.Abort, nil) }, read},
		"an unknown sign":            {func(_ *mallory, k *talking) { send(k.forward, flow.Sign, 2, nil) }, read},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				m, _ := attack(t, w)
				k := m.talk(m.listener("talk"))
				c.do(m, k)
				_ = k.conn.SetDeadline(time.Now().Add(longAfter))
				if err := c.victim(k.conn); !errors.Is(err, pipe.ErrProtocol) {
					t.Errorf("the victim hears %v", err)
				}
				_ = k.conn.Close()
				time.Sleep(longAfter)
				if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
					t.Errorf("%d sessions are left", n)
				}
			})
		})
	}
}

// Whoever goes on where less was read is told where that is, and what is sent twice does
// not arrive twice.
func TestForwardBehindWhatWasRead(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		k := m.talk(m.listener("talk"))
		send(k.forward, flow.Data, 6, []byte("abcdef"))
		if _, err := io.ReadFull(k.conn, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		st, at := m.says("behind", next(k.open, wire.Open_FORWARD, 1, 0), wire.Opened_OK)
		if at < 5 || at > 7 {
			t.Fatalf("it goes on at %d", at)
		}
		_, _ = st.Write([]byte("xef")[at-4:])
		_, _ = st.Write(flow.EndFrame)
		if b, err := io.ReadAll(k.conn); err != nil || string(b) != "ef" {
			t.Errorf("read %q, %v", b, err)
		}
		_ = k.conn.Close()
	})
}

// An END ends the session that it names, once; who uses it is told.
func TestEndOfOnesOwn(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		k := m.talk(m.listener("talk"))
		for range 3 {
			m.say(next(k.open, wire.Open_END, 1, 0))
		}
		if _, err := k.conn.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrBroken) {
			t.Errorf("read: %v", err)
		}
		if _, err := k.conn.Write([]byte("x")); !errors.Is(err, pipe.ErrBroken) {
			t.Errorf("write: %v", err)
		}
		m.says("back to what has ended", next(k.open, wire.Open_BACK, 2, 0), wire.Opened_GONE)
		if err := k.conn.Close(); err != nil {
			t.Error(err)
		}
		if err := k.conn.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed twice: %v", err)
		}
	})
}

// A session that has ended keeps none of what was not acknowledged.
func TestEndedSessionsKeepNothing(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		ln := m.listener("talk")
		before := heap()
		for range 40 {
			k := m.talk(ln)
			_ = k.conn.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			if err := writeOn(k.conn); err == nil {
				t.Fatal("it takes more than it may")
			}
			m.say(next(k.open, wire.Open_END, 1, 0))
			_ = k.forward.Reset()
			_ = k.back.Reset()
			_ = k.conn.Close()
		}
		if n := heap() - before; n > 40<<20 {
			t.Errorf("%d MiB are kept", n>>20)
		}
	})
}

// Sessions that are begun by half take the places of who begins them, for 10 s, and
// nobody else's.
func TestFloodOfHalves(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		bob := w.Start("bob", m.to)
		w.Settle(bob)
		ln := m.listener("talk")
		flood := func() (taken int) {
			for range 100 {
				if _, status := m.open(ln.Advertisement().PipeID, wire.Open_STREAM); status == wire.Opened_OK {
					taken++
				}
			}
			return taken
		}
		for range 3 {
			if n := flood(); n != 32 {
				t.Errorf("%d places are taken", n)
			}
			if n := flood(); n != 0 {
				t.Errorf("%d more are taken", n)
			}
			c, err := bob.Net().Pipe().DialPipe(t.Context(), ln.Advertisement())
			if err != nil {
				t.Fatal(err)
			}
			far, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			_, _ = c.Close(), far.Close()
			time.Sleep(11 * time.Second)
		}
		if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		_ = ln.Close()
	})
}

// Thousands of sessions that are begun and left, each in one of several ways, leave
// nothing behind, and keep nobody else out.
func TestFloodOfSessions(t *testing.T) {
	many := 6000
	if testing.Short() {
		many = 600
	}
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		bob := w.Start("bob", m.to)
		w.Settle(bob)
		ln := m.listener("talk")
		before := runtime.NumGoroutine()
		for i := range many {
			k := m.talk(ln)
			switch i % 3 {
			case 0:
				m.say(next(k.open, wire.Open_END, 1, 0))
			case 1:
				_, _ = k.forward.Write(flow.EndFrame)
			case 2:
				_, _ = k.forward.Reset(), k.back.Reset()
			}
			_ = k.conn.Close()
			_, _ = k.forward.Reset(), k.back.Reset()
		}
		stillServes(t, m.to, bob)
		time.Sleep(longAfter)
		if n := pipe.Sessions(m.to.Net().Pipe()); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		if n := runtime.NumGoroutine(); n > before+50 {
			t.Errorf("%d goroutines, %d before", n, before)
		}
	})
}

// A message of endless pieces ends with its session, and gives back its place in hand.
func TestEndlessPieces(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		before := heap()
		for range 3 { // one more than may be in hand
			st, _ := m.open(in.Advertisement().PipeID, wire.Open_MESSAGES)
			piece := make([]byte, flow.MaxFrame)
			for range 128<<20/flow.MaxFrame + 1 {
				send(st, flow.More, flow.MaxFrame, piece)
			}
			fails(t, "endless pieces", st)
		}
		for name, more := range map[string]func(st *endpoint.Stream){
			"pieces of nothing": func(st *endpoint.Stream) { send(st, flow.More, 0, nil) },
			"given up":          func(st *endpoint.Stream) { send(st, flow.More, 1, []byte{1}); send(st, flow.Sign, flow.Abort, nil) },
			"nothing given up":  func(st *endpoint.Stream) { send(st, flow.Sign, flow.Abort, nil) },
		} {
			st, _ := m.open(in.Advertisement().PipeID, wire.Open_MESSAGES)
			for range 1000 {
				more(st)
			}
			tell(t, st, name)
			hears(t, in, name)
		}
		if n := heap() - before; n > mostHeld {
			t.Errorf("%d MiB are kept", n>>20)
		}
		bob := w.Start("bob", m.to)
		w.Settle(bob)
		stillServes(t, m.to, bob)
	})
}

// A peer that reads nothing and acknowledges nothing holds up who writes to it, as far
// as the deadline says, and the end of the service for 10 s or so.
func TestPeerThatTakesNothing(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, _ := attack(t, w)
		ln := m.listener("talk")
		open, closed := m.talk(ln), m.talk(ln)
		for _, k := range []*talking{open, closed} {
			began := time.Now()
			_ = k.conn.SetWriteDeadline(began.Add(5 * time.Second))
			var timeout net.Error
			if err := writeOn(k.conn); !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Errorf("write: %v", err)
			}
			if d := time.Since(began); d < 5*time.Second || d > 6*time.Second {
				t.Errorf("it has waited for %v", d)
			}
		}
		if err := closed.conn.Close(); err != nil {
			t.Error(err)
		}
		began := time.Now()
		if err := m.to.Net().Pipe().Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("closed after %v", d)
		}
		if _, err := open.conn.Write([]byte("x")); err == nil {
			t.Error("it can still be written")
		}
	})
}
