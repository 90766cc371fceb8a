package pipe_test

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// forge propagates what may be a pack, as any member of the group can.
func (x *audience) forge(from *peer.Peer, data []byte) {
	x.t.Helper()
	u := x.adv.PipeID.UUID()
	if err := from.Net().Rendezvous().Propagate(x.t.Context(), "pipe/"+hex.EncodeToString(u[:]), data); err != nil {
		x.t.Fatal(err)
	}
}

// Whatever one member propagates, another one's messages arrive, and nobody believes
// in losses that cannot be.
func TestForgedPacks(t *testing.T) {
	one, _ := numbered(7, 10).AppendBinary(nil)
	body := append(binary.AppendUvarint(nil, uint64(len(one))), one...)
	for name, packs := range map[string][][]byte{
		"no packs":        {nil, {0}, {1}, {1, 200}, {1, 1, 7}, []byte("hello")},
		"a leap":          {pack.Encode(&wire.Pack{Stream: 1}, nil), pack.Encode(&wire.Pack{Stream: 1, Number: 1 << 59, Count: 1}, body)},
		"a losing number": {pack.Encode(&wire.Pack{Stream: 1}, nil), pack.Encode(&wire.Pack{Stream: 1, First: 1 << 59}, nil)},
		"best-effort leap": {
			pack.Encode(&wire.Pack{Stream: 1, BestEffort: true}, nil),
			pack.Encode(&wire.Pack{Stream: 1, BestEffort: true, Number: 1 << 59, First: 1 << 59, Count: 1}, body),
		},
		"never the beginning": {pack.Encode(&wire.Pack{Stream: 1}, nil), pack.Encode(&wire.Pack{Stream: 1, Number: 900_000, Count: 0}, nil)},
		"no message": {
			pack.Encode(&wire.Pack{Stream: 1, Count: 2}, []byte{1, 0, 1, 9, 2, 1, 1}[:4]),
			pack.Encode(&wire.Pack{Stream: 1, Count: 1}, []byte{3, 9, 9, 9}),
		},
		"parts of nothing": {
			pack.Encode(&wire.Pack{Stream: 1, Part: &wire.Part{Offset: 0, Size: 100 << 20}}, []byte("x")),
			pack.Encode(&wire.Pack{Stream: 1, Number: 1, Part: &wire.Part{Offset: 50 << 20, Size: 100 << 20}}, []byte("x")),
			pack.Encode(&wire.Pack{Stream: 1, Number: 2, Part: &wire.Part{Offset: 1, Size: 99 << 20}}, []byte("x")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newAudience(t, w, 1, 2)
				defer x.stop()
				mallory := w.StartAs(rendezvous.Edge, "mallory", x.rdvs[0])
				w.Settle(mallory)
				x.start(0)
				x.publish(nil)
				for range 5 {
					for _, p := range packs {
						x.forge(mallory, p)
					}
					x.send(int(x.out.Account().Sent), int(x.out.Account().Sent)+1, 100)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Minute)
				if err := x.out.Close(); err != nil {
					t.Error(err)
				}
				for _, l := range x.subs {
					if l.sub.Lost() > 900_000*50_000 {
						t.Errorf("%s believes that %d are lost", l.at.Name(), l.sub.Lost())
					}
					l.wants(0, 5)
				}
			})
		})
	}
}

// One author's streams are bounded, and others' are not forgotten for them.
func TestFloodOfStreams(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		mallory := w.StartAs(rendezvous.Edge, "mallory", x.rdvs[0])
		w.Settle(mallory)
		x.start(0)
		x.publish(nil)
		for i := range 1000 {
			x.forge(mallory, pack.Encode(&wire.Pack{Stream: uint64(i)}, nil))
		}
		time.Sleep(time.Second)
		l := x.subs[0]
		if n := l.sub.Streams(); n != 17 {
			t.Errorf("follows %d streams", n)
		}
		for i := range 10 {
			x.send(i, i+1, 100)
			x.forge(mallory, pack.Encode(&wire.Pack{Stream: uint64(5000 + i)}, nil))
			time.Sleep(2 * time.Second)
		}
		l.wants(0, 10)
		if n := l.sub.Streams(); n > 17 {
			t.Errorf("follows %d streams", n)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A subscriber that says what cannot be is dismissed, and the author goes on.
func TestForgedFeedback(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.start(0)
		x.publish(nil)
		x.send(0, 10, 100)
		e, _ := w.Endpoint("mallory")
		if _, err := e.Connect(t.Context(), w.Info(x.author)); err != nil {
			t.Fatal(err)
		}
		m := &mallory{t, e, x.author}
		feedback := func(first *wire.Feedback) (*endpoint.Stream, wire.Opened_Status) {
			st := m.stream()
			if err := errors.Join(st.WriteMsg(&wire.Open{Pipe: x.adv.PipeID.Bytes(), Kind: wire.Open_FEEDBACK}), st.WriteMsg(first)); err != nil {
				t.Fatal(err)
			}
			var a wire.Opened
			_ = st.ReadMsg(&a, 1000) // the reset may overtake it
			return st, a.GetStatus()
		}
		if _, status := feedback(&wire.Feedback{Stream: 99}); status != wire.Opened_NOT_BOUND {
			t.Errorf("a stream that is not: %v", status)
		}
		stream := x.out.Stream()
		many := make([]*wire.Range, 65)
		for i := range many {
			many[i] = &wire.Range{From: 0, To: 1}
		}
		for name, f := range map[string]*wire.Feedback{
			"ahead":       {Stream: stream, Next: 1 << 60},
			"heard ahead": {Stream: stream, Heard: 1 << 60},
			"wants much":  {Stream: stream, Want: many},
		} {
			st, _ := feedback(f)
			fails(t, name, st)
		}
		// Ranges that are none, or of what was never sent, get no packs.
		st, _ := feedback(&wire.Feedback{Stream: stream, Want: []*wire.Range{{From: 9, To: 3}, {From: 1 << 50, To: 1 << 60}}})
		var a wire.Answer
		if err := st.ReadMsg(&a, 1<<20); err != nil || !a.GetDone() || len(a.GetPack()) > 0 {
			t.Errorf("answer %v, %v", &a, err)
		}
		// Who asks without end is answered at a measured pace.
		counted := make(chan int)
		go func() {
			n := 0
			for {
				var a wire.Answer
				if err := st.ReadMsg(&a, 1<<20); err != nil {
					counted <- n
					return
				}
				n++
			}
		}()
		for range 5000 {
			if st.WriteMsg(&wire.Feedback{Want: []*wire.Range{{From: 0, To: 1}}}) != nil {
				break
			}
		}
		time.Sleep(2 * time.Second)
		_ = st.Reset()
		if n := <-counted; n < 2 || n > 800 {
			t.Errorf("%d frames in answer", n)
		}
		x.send(10, 20, 100)
		time.Sleep(10 * time.Second)
		if account := x.out.Account(); len(account.Subscribers) != 1 {
			t.Errorf("account %+v", account)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		x.subs[0].wants(0, 20)
	})
}

// A peer has only so many output ends of one pipe.
func TestTooManyOutputEnds(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 0)
		for i := range 17 {
			p, err := pipe.NewPublisher(t.Context(), x.author.Net().Pipe(), x.adv, nil)
			if (err == nil) != (i < 16) {
				t.Errorf("output end %d: %v", i, err)
			}
			if err == nil {
				defer func() { _ = p.Close() }()
			}
		}
	})
}
