package pipe_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Who closes at once what it has just sent waits for those who show up because of that.
func TestCloseWaitsForWhoShowsUp(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 2)
		defer x.stop()
		x.subs[0].start(0)
		x.publish(nil)
		x.send(0, 10, 100)
		begun := time.Now()
		time.AfterFunc(3*time.Second, func() { x.start(0) })
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("closed after %v", took)
		}
		for _, l := range x.subs {
			l.wants(0, 10)
		}
	})
}

// An author forgets what all have, after a while; who asks for that then is no trouble.
func TestReplayOfWhatTheAuthorHasForgotten(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.start(0)
		late := w.StartAs(rendezvous.Edge, "late", x.rdvs[0])
		w.Settle(late)
		x.publish(nil)
		for i := range 10 {
			x.send(i, i+1, 100)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Minute)
		l := x.listen(late, &pipe.InputConfig{Replay: pipe.Replay{Messages: 5}})
		l.start(0)
		time.Sleep(10 * time.Second)
		x.send(10, 20, 100)
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		l.wants(5, 20)
		x.subs[0].wants(0, 20)
	})
}

// An author whom a subscriber cannot reach, and who says nothing for long, is known
// again: nothing comes twice, nothing is taken for lost, nothing waits.
func TestSilentAuthorIsKnownAgain(t *testing.T) {
	for _, c := range []pipe.Contract{pipe.Reliable, pipe.BestEffort} {
		t.Run(c.String(), func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newAudience(t, w, 1, 2)
				defer x.stop()
				x.start(0)
				w.Net.Block(w.Addr(x.author), w.Addr(x.subs[0].at))
				time.Sleep(10 * time.Second) // so that it is clear that the output end comes later
				x.publish(&pipe.OutputConfig{Contract: c})
				for i := range 5 {
					x.send(10*i, 10*i+10, 100)
					time.Sleep(time.Second)
					for _, l := range x.subs {
						l.wants(0, 10*i+10)
						if l.sub.Lost() != 0 {
							t.Errorf("%s takes %d for lost", l.at.Name(), l.sub.Lost())
						}
					}
					time.Sleep(3 * time.Minute)
				}
				if err := x.out.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Who has taken nothing for so long that millions of packs went by hears what comes.
func TestAfterALongPause(t *testing.T) {
	one, _ := numbered(7, 10).AppendBinary(nil)
	body := append([]byte{byte(len(one))}, one...)
	for _, effort := range []bool{false, true} {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			x := newAudience(t, w, 1, 1)
			defer x.stop()
			x.start(0)
			for _, n := range []uint64{0, 3_000_000} {
				x.forge(x.author, pack.Encode(&wire.Pack{Stream: 1, Number: n, First: n, Count: 1, BestEffort: effort}, body))
			}
			time.Sleep(time.Minute)
			l := x.subs[0]
			if got, lost := len(l.heard()), l.sub.Lost(); got != 2 || lost != 3_000_000-1 {
				t.Errorf("heard %d, lost %d", got, lost)
			}
		})
	}
}

// Whoever hears nothing but the farewell of an output end knows what it has missed.
func TestOnlyTheFarewell(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.start(0)
		x.forge(x.author, pack.Encode(&wire.Pack{Stream: 1, Number: 3, First: 5, Last: true}, nil))
		time.Sleep(time.Minute)
		if lost := x.subs[0].sub.Lost(); lost != 5 {
			t.Errorf("lost %d", lost)
		}
	})
}

// Long messages that nobody takes wait at the network, all but a few.
func TestLongMessagesThatNobodyTakes(t *testing.T) {
	const count = 12
	for _, c := range []pipe.Contract{pipe.Reliable, pipe.BestEffort} {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			x := newAudience(t, w, 1, 1)
			defer x.stop()
			l := x.subs[0]
			x.publish(&pipe.OutputConfig{Contract: c})
			sent := make(chan struct{})
			go func() {
				x.send(0, count, 1<<20)
				close(sent)
			}()
			time.Sleep(5 * time.Second)
			if n := len(l.queue); n != 2 {
				t.Errorf("%v: %d long messages wait", c, n)
			}
			x.start(0)
			<-sent
			x.complete(10*time.Second, count, l)
			if lost := l.grows(count); lost > 0 && c == pipe.Reliable {
				t.Errorf("lost %d", lost)
			}
			if err := x.out.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a subscriber gets again, at its own pace, it gets although its way to the author
// breaks for a while.
func TestRepairOutlivesABreak(t *testing.T) {
	const count = 9000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		l := x.subs[0]
		x.publish(&pipe.OutputConfig{Grace: time.Second})
		for i := range count { // each is a pack, and more of them than wait for the subscriber
			x.send(i, i+1, 1024)
			time.Sleep(time.Millisecond)
		}
		l.start(5 * time.Millisecond)
		time.Sleep(12 * time.Second)
		w.Net.Block(w.Addr(x.author), w.Addr(l.at))
		time.Sleep(11 * time.Second)
		w.Net.Unblock(w.Addr(x.author), w.Addr(l.at))
		x.complete(2*time.Minute, count, l)
		l.wants(0, count)
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who makes a new output end for each message is heard, however fast.
func TestManyOneShots(t *testing.T) {
	const count = 40
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 2)
		defer x.stop()
		x.start(0)
		begun := time.Now()
		for i := range count {
			x.publish(&pipe.OutputConfig{Contract: pipe.BestEffort})
			x.send(i, i+1, 100)
			if err := x.out.Close(); err != nil {
				t.Error(err)
			}
		}
		t.Logf("in %v", time.Since(begun))
		time.Sleep(time.Second)
		for _, l := range x.subs {
			l.wants(0, count)
			if n := l.sub.Streams(); n > 0 {
				t.Errorf("%s follows %d streams that have ended", l.at.Name(), n)
			}
		}
	})
}

// Whoever comes back to an author that has fallen silent, and has not heard of all it
// has sent, is told.
func TestSilentAuthorTellsWhoComes(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.start(0)
		x.publish(nil)
		x.send(0, 10, 100)
		time.Sleep(10 * time.Second)
		e, _ := w.Endpoint("late")
		if _, err := e.Connect(t.Context(), w.Info(x.author)); err != nil {
			t.Fatal(err)
		}
		u := x.adv.PipeID.UUID()
		beats, err := x.rdvs[0].Net().Rendezvous().Subscribe(t.Context(), "pipe/"+hex.EncodeToString(u[:]), rendezvous.Replay{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = beats.Close() }()
		st := (&mallory{t, e, x.author}).stream()
		first := &wire.Feedback{Stream: x.out.Stream()}
		if err := errors.Join(st.WriteMsg(&wire.Open{Pipe: x.adv.PipeID.Bytes(), Kind: wire.Open_FEEDBACK}), st.WriteMsg(first)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if m, err := beats.Next(ctx); err != nil {
			t.Errorf("no heartbeat: %v", err)
		} else if p, err := pack.Decode(m.Data); err != nil || !p.Heartbeat() || p.GetFirst() != 10 {
			t.Errorf("pack %v, %v", p, err)
		}
		_ = st.Close()
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An author that is quiet hears of those who bind the pipe meanwhile, and of those who
// leave when they have taken what they came for.
func TestReceiptOfNewcomersAndLeavers(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, alice, bob := trio(w)
		carol := w.Start("carol", seed)
		w.Settle(alice, bob, carol)
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Propagate, Name: "news"}
		out, err := alice.Net().Pipe().Resolve(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		for _, p := range []*peer.Peer{bob, carol} {
			in, err := p.Net().Pipe().Bind(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				if _, err := in.Receive(t.Context()); err != nil {
					t.Error(err)
				}
				in.Close()
			}()
		}
		time.Sleep(time.Second)
		began := time.Now()
		r, err := out.SendReceipt(t.Context(), text("x"))
		if took := time.Since(began); err != nil || r.Acknowledged != 2 || took > 10*latency {
			t.Errorf("%+v, %v after %v", r, err, took)
		}
		out.Close()
	})
}

// An output end that is reset does not wait for what was sent.
func TestOutputReset(t *testing.T) {
	for name, kind := range map[string]adv.PipeType{"unicast": adv.Unicast, "propagate": adv.Propagate} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				_, alice, bob := trio(w)
				a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: kind, Owner: alice.ID()}
				in, err := alice.Net().Pipe().Bind(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				out, err := bob.Net().Pipe().Resolve(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 1000 { // more than the input end takes
					if err := out.Send(t.Context(), numbered(i, 1000)); err != nil {
						t.Fatal(err)
					}
				}
				closed := make(chan error)
				began := time.Now()
				go func() { closed <- out.Close() }()
				time.Sleep(time.Second)
				out.Reset()
				<-closed
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("closed after %v", took)
				}
				if err := out.Send(t.Context(), text("late")); !errors.Is(err, net.ErrClosed) {
					t.Errorf("send after the reset: %v", err)
				}
				in.Close()
			})
		})
	}
}
