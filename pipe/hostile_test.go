package pipe_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/resolver"
)

// mallory is an admitted peer whose pipes are the test.
type mallory struct {
	t  *testing.T
	e  *endpoint.Endpoint
	to *peer.Peer
}

// attack starts a victim with an input end, and an attacker beside it.
func attack(t *testing.T, w *testnet.World) (*mallory, *pipe.Input) {
	t.Helper()
	alice := w.Start("alice")
	in, err := alice.Net().Pipe().Bind(t.Context(), &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: alice.ID()})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := w.Endpoint("mallory")
	if _, err := e.Connect(t.Context(), w.Info(alice)); err != nil {
		t.Fatal(err)
	}
	return &mallory{t, e, alice}, in
}

// stream opens a stream to the pipe service and says nothing.
func (m *mallory) stream() *endpoint.Stream {
	m.t.Helper()
	st, err := m.e.Open(m.t.Context(), m.to.ID(), "pipe")
	if err != nil {
		m.t.Fatal(err)
	}
	return st
}

// open opens an output end by hand.
func (m *mallory) open(p id.Pipe, kind wire.Open_Kind) (*endpoint.Stream, wire.Opened_Status) {
	m.t.Helper()
	st := m.stream()
	if err := st.WriteMsg(&wire.Open{Pipe: p.Bytes(), Kind: kind, Session: newSession()}); err != nil {
		m.t.Fatal(err)
	}
	var a wire.Opened
	if err := st.ReadMsg(&a, 1000); err != nil {
		m.t.Fatal(err)
	}
	return st, a.GetStatus()
}

// newSession returns the ID of one.
func newSession() []byte {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return b
}

// send writes what may be a message in a frame of that kind and length.
func send(st *endpoint.Stream, kind flow.Kind, length uint64, body []byte) {
	_, _ = st.Write(append(binary.AppendUvarint(nil, length<<2|uint64(kind)), body...))
}

// fails waits for the other side to end a stream with an error.
func fails(t *testing.T, what string, st *endpoint.Stream) {
	t.Helper()
	if _, err := io.ReadAll(st); err == nil {
		t.Errorf("%s: the stream ended well", what)
	}
}

func encoded(t *testing.T, s string) []byte {
	b, err := text(s).AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What is no message ends its own sender's stream, and nothing else.
func TestMalformedMessages(t *testing.T) {
	for name, attackIt := range map[string]func(st *endpoint.Stream){
		"longer than may be":   func(st *endpoint.Stream) { send(st, flow.Data, flow.MaxFrame+1, nil) },
		"endless length":       func(st *endpoint.Stream) { _, _ = st.Write(bytesOf(0xff, 20)) },
		"garbage":              func(st *endpoint.Stream) { send(st, flow.Data, 7, []byte("garbage")) },
		"half a message":       func(st *endpoint.Stream) { send(st, flow.Data, 1000, []byte("half")); _ = st.CloseWrite() },
		"half a large message": func(st *endpoint.Stream) { send(st, flow.More, 4, []byte("half")); _ = st.CloseWrite() },
		"a large one that stalls": func(st *endpoint.Stream) {
			send(st, flow.More, 5, []byte{1, 1, 1, 'x', 0})
		},
		"a count without elements": func(st *endpoint.Stream) { send(st, flow.Data, 3, []byte{1, 0xff, 0x07}) },
		"a sign that is not known": func(st *endpoint.Stream) { send(st, flow.Sign, 2, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				m, in := attack(t, w)
				st, status := m.open(in.Advertisement().PipeID, wire.Open_MESSAGES)
				if status != wire.Opened_OK {
					t.Fatal(status)
				}
				attackIt(st)
				fails(t, name, st)
				other, _ := m.open(in.Advertisement().PipeID, wire.Open_MESSAGES)
				good := encoded(t, "on")
				send(other, flow.Data, uint64(len(good)), good)
				if msg, err := in.Receive(t.Context()); err != nil || msg.Len() != 1 {
					t.Errorf("the pipe is of no more use: %v", err)
				}
			})
		})
	}
}

func bytesOf(b byte, n int) []byte { return []byte(strings.Repeat(string([]byte{b}), n)) }

func TestMalformedOpen(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		for name, st := range map[string]*endpoint.Stream{"garbage": m.stream(), "too long": m.stream(), "silence": m.stream()} {
			switch name {
			case "garbage":
				_, _ = st.Write([]byte{3, 0xff, 0xff, 0xff})
			case "too long":
				_, _ = st.Write(binary.AppendUvarint(nil, 1<<40))
			}
			fails(t, name, st)
		}
		for name, want := range map[string]struct {
			pipe   id.Pipe
			kind   wire.Open_Kind
			status wire.Opened_Status
		}{
			"a pipe that nobody bound": {id.NewPipe(id.Net), wire.Open_MESSAGES, wire.Opened_NOT_BOUND},
			"no pipe at all":           {id.Pipe{}, wire.Open_MESSAGES, wire.Opened_NOT_BOUND},
			"another kind":             {in.Advertisement().PipeID, wire.Open_STREAM, wire.Opened_WRONG_KIND},
			"no kind":                  {in.Advertisement().PipeID, wire.Open_UNSPECIFIED, wire.Opened_WRONG_KIND},
		} {
			if _, got := m.open(want.pipe, want.kind); got != want.status {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// More senders, and more connections, than there is room for from one peer are refused;
// those that are there go on.
func TestFloodOfOpens(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		m, in := attack(t, w)
		ln, err := m.to.Net().Pipe().Listen(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		for p, kind := range map[id.Pipe]wire.Open_Kind{
			in.Advertisement().PipeID: wire.Open_MESSAGES, ln.Advertisement().PipeID: wire.Open_STREAM,
		} {
			accepted := 0
			for range 400 {
				if _, status := m.open(p, kind); status == wire.Opened_OK {
					accepted++
				} else if status != wire.Opened_BUSY {
					t.Fatal(status)
				}
			}
			if want := map[wire.Open_Kind]int{wire.Open_MESSAGES: 64, wire.Open_STREAM: 32}[kind]; accepted != want {
				t.Errorf("%v: %d accepted, want %d", kind, accepted, want)
			}
		}
	})
}

// A peer that says it has another's pipe is not believed.
func TestImpostor(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, alice, bob := trio(w)
		e, h := w.Endpoint("mallory")
		answers := w.Resolver(e, h)
		if _, err := e.Connect(t.Context(), w.Info(seed)); err != nil {
			t.Fatal(err)
		}
		w.Settle(alice, bob)
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: alice.ID()}
		// Mallory answers every query with its own peer advertisement, and would
		// take every stream.
		answers.Handle("pipe", resolver.HandlerFunc(func(w resolver.ResponseWriter, _ *resolver.Query) {
			_ = w.Respond(e.Self().Envelope())
		}))
		e.Handle("pipe", func(st *endpoint.Stream) {
			t.Error("the impostor was asked for the pipe")
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := bob.Net().Pipe().DialPipe(ctx, a); !errors.Is(err, pipe.ErrNotBound) {
			t.Errorf("dialled: %v", err)
		}
	})
}
