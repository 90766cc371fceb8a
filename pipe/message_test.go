package pipe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// ends makes a message pipe from bob to alice.
func ends(t testing.TB, alice, bob *peer.Peer) (*pipe.Input, *pipe.Output) {
	t.Helper()
	a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Name: "moves", Owner: alice.ID()}
	in, err := alice.Net().Pipe().Bind(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	out, err := bob.Net().Pipe().Resolve(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return in, out
}

func text(s string) *message.Message {
	m := new(message.Message)
	m.Add("data", "", []byte(s))
	return m
}

func numbered(i, size int) *message.Message {
	data := make([]byte, size)
	binary.BigEndian.PutUint32(data, uint32(i))
	m := new(message.Message)
	m.Add("data", "", data)
	return m
}

func TestMessagesArriveInOrder(t *testing.T) {
	const count = 10_000
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		go func() {
			for i := range count {
				if err := out.Send(t.Context(), numbered(i, 1024)); err != nil {
					t.Error(err)
					break
				}
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		}()
		for i := range count {
			m, who, err := in.ReceiveFrom(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e, _ := m.Get("data")
			if got := binary.BigEndian.Uint32(e.Data); len(e.Data) != 1024 || got != uint32(i) || who != bob.ID() {
				t.Fatalf("message %d is number %d, %d bytes, from %v", i, got, len(e.Data), who)
			}
		}
	})
}

func TestLargeMessage(t *testing.T) {
	alice := start(t, &peer.Config{Name: "alice", Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	bob := start(t, &peer.Config{Name: "bob", Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Seeds: alice.Addrs()})
	in, out := ends(t, alice, bob)
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20) // 64 MiB
	sent := make(chan error)
	go func() {
		m := new(message.Message)
		m.Add("before", "text/plain", []byte("small"))
		m.Add("data", "", data)
		err := out.Send(t.Context(), text("first"))
		if err == nil {
			err = out.Send(t.Context(), m)
		}
		if err == nil {
			err = out.Send(t.Context(), text("last"))
		}
		sent <- errors.Join(err, out.Close())
	}()
	for i, want := range [][]byte{[]byte("first"), data, []byte("last")} {
		m, err := in.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e, _ := m.Get("data"); !bytes.Equal(e.Data, want) {
			t.Errorf("message %d: %d bytes, want %d", i, len(e.Data), len(want))
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// What cannot be sent is refused by name, and the pipe lives on.
func TestOversizedMessage(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		huge := new(message.Message)
		huge.Add("data", "", make([]byte, message.MaxSize))
		many := new(message.Message)
		for range message.MaxElements + 1 {
			many.Add("x", "", nil)
		}
		for _, m := range []*message.Message{huge, many} {
			if err := out.Send(t.Context(), m); !errors.Is(err, message.ErrTooLarge) {
				t.Errorf("sent: %v", err)
			}
		}
		nameless := new(message.Message)
		nameless.Add("", "", nil)
		if err := out.Send(t.Context(), nameless); !errors.Is(err, message.ErrMalformed) {
			t.Errorf("sent: %v", err)
		}
		if err := out.Send(t.Context(), text("on")); err != nil {
			t.Fatal(err)
		}
		if m, err := in.Receive(t.Context()); err != nil || m.Len() != 1 {
			t.Errorf("received %v, %v", m, err)
		}
	})
}

// A receiver that does not take its messages holds the sender back, for as long
// as the sender's context lasts, and nothing is lost.
func TestBackPressure(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		sent := 0
		var err error
		for ; err == nil; sent++ {
			err = out.Send(ctx, numbered(sent, 32<<10))
		}
		sent--
		if !errors.Is(err, context.DeadlineExceeded) || sent > 1000 {
			t.Fatalf("%d messages of 32 KiB sent to nobody, then %v", sent, err)
		}
		for i := range sent {
			m, err := in.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if e, _ := m.Get("data"); binary.BigEndian.Uint32(e.Data) != uint32(i) {
				t.Fatalf("message %d is another", i)
			}
		}
		if err := out.Send(t.Context(), text("on")); err != nil {
			t.Errorf("the pipe is of no more use: %v", err)
		}
	})
}

func TestSeveralSenders(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, alice, bob := trio(w)
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: alice.ID()}
		in, err := alice.Net().Pipe().Bind(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		const each = 100
		for _, p := range []*peer.Peer{seed, bob, alice} {
			go func() {
				out, err := p.Net().Pipe().Resolve(t.Context(), a)
				for i := 0; i < each && err == nil; i++ {
					err = out.Send(t.Context(), numbered(i, 100))
				}
				if err != nil {
					t.Errorf("%s: %v", p.Name(), err)
				}
			}()
		}
		next := map[id.Peer]int{}
		for range 3 * each {
			m, who, err := in.ReceiveFrom(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			e, _ := m.Get("data")
			if got := int(binary.BigEndian.Uint32(e.Data)); got != next[who] {
				t.Fatalf("%v sent %d after %d", who, got, next[who]-1)
			}
			next[who]++
		}
	})
}

// An output end whose input end goes away says so, once.
func TestInputGoesAway(t *testing.T) {
	for name, leave := range map[string]func(*testnet.World, *peer.Peer, *pipe.Input){
		"closed":  func(_ *testnet.World, _ *peer.Peer, in *pipe.Input) { in.Close() },
		"killed":  func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Kill(p) },
		"stopped": func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Stop(p) },
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				_, alice, bob := trio(w)
				in, out := ends(t, alice, bob)
				if err := out.Send(t.Context(), text("x")); err != nil {
					t.Fatal(err)
				}
				if _, err := in.Receive(t.Context()); err != nil {
					t.Fatal(err)
				}
				leave(w, alice, in)
				err := out.Send(t.Context(), text("x")) // it may not know yet
				if err == nil {
					_, err = out.SendReceipt(t.Context(), text("y"))
				}
				if !errors.Is(err, pipe.ErrBroken) {
					t.Errorf("send: %v", err)
				}
				if err := out.Close(); err != nil {
					t.Errorf("close says again what send has said: %v", err)
				}
			})
		})
	}
}

// Closing an output end whose receiver is gone is an error only if something was
// lost: a receiver that ends well says what it has.
func TestCloseTellsOfLoss(t *testing.T) {
	for name, tt := range map[string]struct {
		messages int
		leave    func(*testnet.World, *peer.Peer, *pipe.Input)
		lost     bool
	}{
		"closed, all received":  {3, func(_ *testnet.World, _ *peer.Peer, in *pipe.Input) { in.Close() }, false},
		"stopped, all received": {3, func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Stop(p) }, false},
		"closed, some on the way": {
			2000, func(_ *testnet.World, _ *peer.Peer, in *pipe.Input) { in.Close() }, true,
		},
		"killed, all received": {3, func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Kill(p) }, false},
		"killed":               {2000, func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Kill(p) }, true},
		"killed, nothing sent": {0, func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Kill(p) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				_, alice, bob := trio(w)
				in, out := ends(t, alice, bob)
				for i := range tt.messages {
					if err := out.Send(t.Context(), numbered(i, 100)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * latency)
				tt.leave(w, alice, in)
				time.Sleep(10 * latency)
				if err := out.Close(); errors.Is(err, pipe.ErrBroken) != tt.lost {
					t.Errorf("close: %v", err)
				}
				if err := out.Close(); err != nil {
					t.Errorf("second close: %v", err)
				}
			})
		})
	}
}

// What was sent before the process ended well has arrived.
func TestCloseFlushes(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		for i := range 1000 {
			if err := out.Send(t.Context(), numbered(i, 100)); err != nil {
				t.Fatal(err)
			}
		}
		go w.Stop(bob)
		for i := range 1000 {
			if m, err := in.Receive(t.Context()); err != nil || m.Len() != 1 {
				t.Fatalf("message %d: %v", i, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if m, err := in.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one more message than were sent: %v, %v", m, err)
		}
		if err := out.Send(t.Context(), text("late")); err == nil {
			t.Error("sent through a closed pipe")
		}
	})
}

func ExampleInput_Messages() {
	var in *pipe.Input // from Service.Bind
	for m, err := range in.Messages(context.Background()) {
		if err != nil {
			return
		}
		e, _ := m.Get("move")
		fmt.Println(string(e.Data))
	}
}
