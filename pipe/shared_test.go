package pipe_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// shared binds one shared pipe at several peers.
func shared(t *testing.T, servers ...*peer.Peer) (*adv.Pipe, []*pipe.Input) {
	t.Helper()
	a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Name: "jobs", Shared: true, Owner: servers[0].ID()}
	var inputs []*pipe.Input
	for _, p := range servers {
		in, err := p.Net().Pipe().Bind(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, in)
	}
	return a, inputs
}

// number returns which message it is.
func number(t testing.TB, m *message.Message) int {
	t.Helper()
	e, ok := m.Get("n")
	if !ok || len(e.Data) < 4 {
		t.Fatal("a message without a number")
	}
	return int(e.Data[0]) | int(e.Data[1])<<8 | int(e.Data[2])<<16 | int(e.Data[3])<<24
}

func withNumber(i int) *message.Message {
	m := new(message.Message)
	m.Add("n", "", []byte{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)})
	return m
}

// collect counts what arrives at some input ends, by number, until they are closed.
func collect(t *testing.T, inputs []*pipe.Input) (got func() map[int]int) {
	var mu sync.Mutex
	count := map[int]int{}
	for _, in := range inputs {
		go func() {
			for m, err := range in.Messages(t.Context()) {
				if err != nil {
					return
				}
				mu.Lock()
				count[number(t, m)]++
				mu.Unlock()
			}
		}()
	}
	return func() map[int]int {
		mu.Lock()
		defer mu.Unlock()
		all := map[int]int{}
		for k, v := range count {
			all[k] = v
		}
		return all
	}
}

// When the peer that has the input end of a shared pipe is killed, or closes it, another
// one gets what the first has not acknowledged, and what comes later.
func TestSharedPipeFailsOver(t *testing.T) {
	for name, leave := range map[string]func(*testnet.World, *peer.Peer, *pipe.Input){
		"killed": func(w *testnet.World, p *peer.Peer, _ *pipe.Input) { w.Kill(p) },
		"closed": func(_ *testnet.World, _ *peer.Peer, in *pipe.Input) { in.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				seed, alice, bob := trio(w)
				carol := w.Start("carol", seed)
				w.Settle(alice, bob, carol)
				a, inputs := shared(t, alice, carol)
				got := collect(t, inputs)
				out, err := bob.Net().Pipe().Resolve(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				const n = 3000
				for i := range n {
					if i == n/2 {
						server, in := alice, inputs[0]
						if out.Peer() == carol.ID() {
							server, in = carol, inputs[1]
						}
						leave(w, server, in)
					}
					if err := out.Send(t.Context(), withNumber(i)); err != nil {
						t.Fatalf("message %d: %v", i, err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				if r, err := out.SendReceipt(ctx, withNumber(n)); err != nil || r.Acknowledged != 1 {
					t.Fatalf("receipt: %v, %v", r, err)
				}
				if err := out.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
				missing, twice := 0, 0
				all := got()
				for i := range n + 1 {
					switch all[i] {
					case 0:
						missing++
					case 2:
						twice++
					}
				}
				// What the one that was killed had in its queue died with it.
				if missing > 256 || name == "closed" && (missing > 0 || twice > 0) {
					t.Errorf("%d missing, %d twice", missing, twice)
				}
			})
		})
	}
}

func TestRoundRobin(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, alice, bob := trio(w)
		carol, dave := w.Start("carol", seed), w.Start("dave", seed)
		w.Settle(alice, bob, carol, dave)
		a, inputs := shared(t, alice, carol, dave)
		out, err := bob.Net().Pipe().ResolveWith(t.Context(), a, &pipe.OutputConfig{RoundRobin: true})
		if err != nil {
			t.Fatal(err)
		}
		const each = 50
		for i := range each * len(inputs) {
			if err := out.Send(t.Context(), withNumber(i)); err != nil {
				t.Fatal(err)
			}
		}
		for i, in := range inputs {
			for range each {
				if _, err := in.Receive(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := in.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("input %d: one more than its share: %v", i, err)
			}
			cancel()
		}
		inputs[1].Close()
		for i := range 10 {
			if err := out.Send(t.Context(), withNumber(i)); err != nil {
				t.Fatal(err)
			}
		}
		got := collect(t, []*pipe.Input{inputs[0], inputs[2]})
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		if all := got(); len(all) != 10 {
			t.Errorf("%d of 10 have arrived where the pipe is bound still", len(all))
		}
	})
}

func TestRequests(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		go func() {
			for {
				r, err := in.Next(t.Context())
				if err != nil {
					return
				}
				if !r.Wanted() {
					if err := r.Reply(t.Context(), text("no")); !errors.Is(err, pipe.ErrRefused) {
						t.Errorf("reply to what is no request: %v", err)
					}
					continue
				}
				n := number(t, r.Message)
				if n == 7 {
					continue // never answered
				}
				m := withNumber(2 * n)
				if n == 8 { // more than a frame
					m.Add("big", "", make([]byte, 1<<20))
				}
				if err := r.Reply(t.Context(), m); err != nil {
					t.Errorf("reply %d: %v", n, err)
				}
			}
		}()
		if err := out.Send(t.Context(), text("no request")); err != nil {
			t.Fatal(err)
		}
		var asking sync.WaitGroup
		for i := range 100 {
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				m, err := out.Request(ctx, withNumber(i))
				switch {
				case i == 7:
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("a request without a reply: %v", err)
					}
				case err != nil:
					t.Errorf("request %d: %v", i, err)
				case number(t, m) != 2*i:
					t.Errorf("request %d: reply %d", i, number(t, m))
				}
			})
		}
		asking.Wait()
		in.Close()
		if _, err := out.Request(t.Context(), withNumber(1)); !errors.Is(err, pipe.ErrBroken) {
			t.Errorf("request to a closed pipe: %v", err)
		}
		out.Close()
	})
}

// A receipt comes when the application has taken the message, not before.
func TestReceipt(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		began := time.Now()
		time.AfterFunc(10*time.Second, func() {
			if _, err := in.Receive(t.Context()); err != nil {
				t.Error(err)
			}
		})
		r, err := out.SendReceipt(t.Context(), text("x"))
		if d := time.Since(began); err != nil || r.Acknowledged != 1 || d < 10*time.Second || d > 11*time.Second {
			t.Errorf("%v, %v after %v", r, err, d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r, err = out.SendReceipt(ctx, text("y"))
		if !errors.Is(err, context.DeadlineExceeded) || r == nil || len(r.Lagging) != 1 || r.Lagging[0] != alice.ID() {
			t.Errorf("nobody takes it: %v, %v", r, err)
		}
		in.Close()
		out.Close()
	})
}

func TestChannel(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		near, far := connect(t, alice, bob)
		a, b := pipe.NewChannel(near), pipe.NewChannel(far)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := a.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing has come: %v", err)
		}
		cancel()
		for i := range 100 {
			if err := a.Send(t.Context(), withNumber(i)); err != nil {
				t.Fatal(err)
			}
			m, err := b.Receive(t.Context())
			if err != nil || number(t, m) != i {
				t.Fatalf("%d: %v", i, err)
			}
			if err := b.Send(t.Context(), withNumber(-i)); err != nil {
				t.Fatal(err)
			}
			if _, err := a.Receive(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		a.Close()
		if _, err := b.Receive(t.Context()); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
		b.Close()
	})
}
