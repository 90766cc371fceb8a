package pipe_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
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

// vandal does at random what the wire allows, and what it does not.
type vandal struct {
	*mallory
	*rand.Rand
	pipes   []id.Pipe
	opened  []*wire.Open       // begun, or tried
	streams []*endpoint.Stream // the last of them
}

// act does one thing.
func (v *vandal) act() {
	switch v.IntN(10) {
	case 0, 1:
		v.openOne(v.begin())
	case 2, 3, 4:
		v.openOne(v.another())
	case 5:
		v.streams = nil // and those that were are left open
	default:
		if len(v.streams) > 0 {
			v.spoil(v.streams[v.IntN(len(v.streams))])
		}
	}
}

func (v *vandal) begin() *wire.Open {
	o := begin(v.pipes[v.IntN(len(v.pipes))], wire.Open_Kind(v.IntN(5)))
	if v.IntN(3) > 0 {
		o.Kind = wire.Open_MESSAGES - wire.Open_Kind(v.IntN(2))
	}
	if v.IntN(5) == 0 {
		o.Position = v.position()
	}
	return o
}

// another is what opens one more stream of a session.
func (v *vandal) another() *wire.Open {
	if len(v.opened) == 0 {
		return v.begin()
	}
	of := v.opened[v.IntN(len(v.opened))]
	at := uint64(0)
	if v.IntN(3) == 0 {
		at = v.position()
	}
	return next(of, wire.Open_Direction(v.IntN(4)), uint32(v.IntN(8)), at)
}

func (v *vandal) position() uint64 { return v.Uint64() >> v.IntN(64) }

func (v *vandal) openOne(o *wire.Open) {
	st, err := v.e.Open(v.t.Context(), v.to.ID(), "pipe")
	if err != nil || st.WriteMsg(o) != nil {
		return
	}
	v.opened = append(v.opened[max(0, len(v.opened)-8):], o)
	v.streams = append(v.streams[max(0, len(v.streams)-8):], st)
}

// spoil writes something to a stream, or ends it.
func (v *vandal) spoil(st *endpoint.Stream) {
	_ = st.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	switch v.IntN(8) {
	case 0:
		_ = st.Reset()
	case 1:
		_ = st.CloseWrite()
	case 2:
		_, _ = st.Write(binary.AppendUvarint(nil, v.position()))
	case 3:
		b := make([]byte, v.IntN(100))
		for i := range b {
			b[i] = byte(v.Uint32())
		}
		_, _ = st.Write(b)
	case 4:
		send(st, flow.Sign, uint64(v.IntN(3)), nil)
	default:
		n := v.IntN(1 << v.IntN(17))
		send(st, flow.Kind(v.IntN(4)), uint64(n), make([]byte, n))
	}
}

// Whatever attackers do, two honest peers beside them get all they send each other, once
// and in order; and when the attackers are gone nothing is left of them.
func TestVandals(t *testing.T) {
	seeds := 20
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			first, in := attack(t, w)
			bob := w.Start("bob", first.to)
			w.Settle(bob)
			ln := first.listener("vandals")
			ctx, cancel := context.WithCancel(t.Context())
			var busy sync.WaitGroup
			busy.Go(func() { serveAll(ctx, ln) })
			attackers := []*mallory{first, first.another(w, "trudy")}
			service := first.to.Net().Pipe()
			before := runtime.NumGoroutine()
			for i, m := range attackers {
				v := &vandal{mallory: m, Rand: rand.New(rand.NewPCG(uint64(seed), uint64(i)))}
				v.pipes = []id.Pipe{in.Advertisement().PipeID, ln.Advertisement().PipeID}
				busy.Go(func() {
					for range 500 {
						v.act()
						time.Sleep(time.Duration(v.IntN(20)) * time.Millisecond)
					}
					_ = v.e.Close()
				})
			}
			busy.Go(func() {
				for _, err := range in.Messages(ctx) {
					_ = err // whatever came
				}
			})
			converse(t, first.to, bob, 2000)
			time.Sleep(2 * longAfter)
			if n := pipe.Sessions(service); n != 0 {
				t.Errorf("seed %d: %d sessions are left", seed, n)
			}
			if n := runtime.NumGoroutine(); n > before+5 {
				t.Errorf("seed %d: %d goroutines, %d before", seed, n, before)
			}
			cancel()
			_ = ln.Close()
			busy.Wait()
		})
	}
}

// serveAll answers every connection with what it brings, and closes it at the end.
func serveAll(ctx context.Context, ln *pipe.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		serving.Go(func() {
			defer c.Close()
			defer context.AfterFunc(ctx, func() { _ = c.Close() })()
			for b := make([]byte, 1000); ; {
				_ = c.SetDeadline(time.Now().Add(20 * time.Second))
				n, err := c.Read(b)
				if err == nil {
					_, err = c.Write(b[:n])
				}
				if err != nil {
					_ = c.(*pipe.Conn).Reset()
					return
				}
			}
		})
	}
}

// converse has two honest peers exchange numbered messages, each a request and a reply.
func converse(t *testing.T, victim, honest *peer.Peer, n int) {
	t.Helper()
	in, out := ends(t, victim, honest)
	var answering sync.WaitGroup
	answering.Go(func() {
		for i := 0; ; i++ {
			r, err := in.Next(t.Context())
			if err != nil {
				return
			}
			if got := number(t, r.Message); got != i || r.From != honest.ID() {
				t.Errorf("request %d is number %d of %v", i, got, r.From)
			}
			if err := r.Reply(t.Context(), withNumber(-i)); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range n {
		m, err := out.Request(t.Context(), withNumber(i))
		if err != nil || number(t, m) != int(uint32(-i)) {
			t.Errorf("request %d: %v", i, err)
			break
		}
	}
	if err := out.Close(); err != nil && !errors.Is(err, pipe.ErrBroken) {
		t.Error(err)
	}
	in.Close()
	answering.Wait()
}
