package rendezvous_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const fanOutEdges = 10

// BenchmarkFanOut has one edge propagate large messages to ten others, all with the
// same rendezvous, on an in-memory network without encryption. With a window it waits
// for the slowest, so that nothing is lost; flat out it does not, and what arrived is
// reported beside. Whole edges check what they get, ten times in this one process; bare
// ones read and throw away, which leaves what author and rendezvous cost.
func BenchmarkFanOut(b *testing.B) {
	for _, c := range []struct {
		name    string
		window  int64 // messages; 0: none
		receive func(ctx context.Context, w *testnet.World, at *peer.Peer, count func(int64))
	}{
		{"window", 16, receive},
		{"flatout", 0, receive},
		{"bare", 16, receiveBare},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := testnet.New(b, 0)
			defer w.Close()
			seed := start(w, "seed", rendezvous.Rendezvous)
			author := start(w, "author", rendezvous.Edge, seed)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			f := &fanOut{b: b, ctx: ctx, author: author.Net().Rendezvous(), some: make(chan struct{}, 1)}
			for i := range f.got {
				c.receive(ctx, w, seed, func(n int64) {
					f.got[i].Add(n)
					select {
					case f.some <- struct{}{}:
					default:
					}
				})
			}
			f.run(w, c.window)
		})
	}
}

type fanOut struct {
	b      *testing.B
	ctx    context.Context
	author *rendezvous.Service
	got    [fanOutEdges]atomic.Int64 // bytes
	some   chan struct{}             // has one when one of them has changed
}

func (f *fanOut) run(w *testnet.World, window int64) {
	data := make([]byte, rendezvous.MaxMessage)
	size := int64(len(data))
	for f.slowest() == 0 { // until all subscriptions are in force
		f.send(data)
		f.await(1)
	}
	w.Pass(100 * time.Millisecond)
	for i := range f.got {
		f.got[i].Store(0)
	}
	f.b.SetBytes(size)
	f.b.ReportAllocs()
	sent := int64(0)
	for f.b.Loop() {
		f.send(data)
		sent++
		if window > 0 {
			f.await((sent - window) * size)
		}
	}
	if window > 0 {
		f.await(sent * size)
		return
	}
	f.b.StopTimer()
	w.Pass(200 * time.Millisecond)
	total := int64(0)
	for i := range f.got {
		total += f.got[i].Load()
	}
	f.b.ReportMetric(100*float64(total)/float64(fanOutEdges*sent*size), "%received")
}

func (f *fanOut) send(data []byte) {
	if err := f.author.Propagate(f.ctx, "topic", data); err != nil {
		f.b.Fatal(err)
	}
}

func (f *fanOut) slowest() int64 {
	least := f.got[0].Load()
	for i := range f.got {
		least = min(least, f.got[i].Load())
	}
	return least
}

// await waits until all have so many bytes.
func (f *fanOut) await(n int64) {
	for patience := time.After(5 * time.Second); f.slowest() < n; {
		select {
		case <-f.some:
		case <-patience:
			f.b.Log("nothing comes any more")
			return
		}
	}
}

// receive starts an edge that counts the bytes that it is sent.
func receive(ctx context.Context, w *testnet.World, at *peer.Peer, count func(int64)) {
	sub, err := start(w, "edge", rendezvous.Edge, at).Net().Rendezvous().Subscribe(ctx, "topic", rendezvous.Replay{})
	if err != nil {
		w.T.Fatal(err)
	}
	go func() {
		for {
			m, err := sub.Next(ctx)
			if err != nil {
				return
			}
			count(int64(len(m.Data)))
		}
	}()
}

// receiveBare does so with one that looks at nothing.
func receiveBare(ctx context.Context, w *testnet.World, at *peer.Peer, count func(int64)) {
	e, _ := w.Endpoint("bare")
	if _, err := e.Connect(ctx, w.Info(at)); err != nil {
		w.T.Fatal(err)
	}
	st, err := e.Open(ctx, at.ID(), "lease")
	if err == nil {
		err = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Ask{Ask: &wire.Ask{}}})
	}
	if err == nil {
		topics := &wire.Topics{Add: []string{"topic"}}
		err = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Topics{Topics: topics}})
	}
	if err != nil {
		w.T.Fatal(fmt.Errorf("no lease: %w", err))
	}
	go func() {
		buf := make([]byte, 128<<10)
		for {
			n, err := st.Read(buf)
			if err != nil {
				return
			}
			count(int64(n))
		}
	}()
}
