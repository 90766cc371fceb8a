package resolver_test

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/resolver"
	"github.com/juxta-p2p/juxta/resolver/internal/wire"
)

// rogue is an admitted peer, an edge of the one that it is near, whose resolver is the
// test.
func rogue(t *testing.T, w *testnet.World, near string) (e *endpoint.Endpoint, open func(q *wire.Query) *endpoint.Stream, p *peer.Peer) {
	t.Helper()
	p = w.Start(near)
	e = client(t, w, "mallory", p)
	open = func(q *wire.Query) *endpoint.Stream {
		st, err := e.Open(t.Context(), p.ID(), "resolver")
		if err != nil {
			t.Fatal(err)
		}
		if q != nil {
			if err := st.WriteMsg(q); err != nil {
				t.Error(err)
			}
		}
		return st
	}
	return e, open, p
}

// client is a peer that has a lease with another one, and nothing else.
func client(t *testing.T, w *testnet.World, name string, of *peer.Peer) *endpoint.Endpoint {
	t.Helper()
	e, _ := w.Endpoint(name)
	if _, err := e.Connect(t.Context(), w.Info(of)); err != nil {
		t.Fatal(err)
	}
	before := len(of.Net().Rendezvous().Status().Clients)
	st, err := e.Open(t.Context(), of.ID(), "lease")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = st.Write([]byte{2, 1<<3 | 2, 0}); err != nil { // a frame of two bytes: an empty Ask
		t.Fatal(err)
	}
	w.Until(time.Second, "lease granted", func() bool { return len(of.Net().Rendezvous().Status().Clients) > before })
	return e
}

func idOf(n int) []byte { return append(make([]byte, 14), byte(n>>8), byte(n)) }

func TestMalformedQueryIsRefused(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, open, _ := rogue(t, w, "alice")
		for name, q := range map[string]*wire.Query{
			"no ID":      {Handler: "discovery"},
			"short ID":   {Id: make([]byte, 15), Handler: "discovery"},
			"long name":  {Id: idOf(1), Handler: string(slices.Repeat([]byte("x"), 256))},
			"large body": {Id: idOf(2), Handler: "discovery", Body: make([]byte, resolver.MaxQuery+2000)},
		} {
			var a wire.Answer
			if err := open(q).ReadMsg(&a, 1000); err == nil || err == io.EOF {
				t.Errorf("%s: %v, %v", name, &a, err)
			}
		}
		st := open(nil)
		_, _ = st.Write([]byte("\x7fnot protobuf, and not as long as it says"))
		if _, err := st.Reader().ReadByte(); err == nil || err == io.EOF {
			t.Errorf("garbage: %v", err)
		}
	})
}

func TestQueryWithAnotherHopsIsPassedOnOnceAtMost(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, open, alice := rogue(t, w, "alice")
		hops := make(chan uint32, 4)
		other := client(t, w, "other", alice)
		other.Handle("resolver", func(st *endpoint.Stream) {
			var q wire.Query
			if err := st.ReadMsg(&q, 1000); err == nil {
				hops <- q.GetHops()
			}
		})
		e.Handle("resolver", func(*endpoint.Stream) { t.Error("the query came back") })
		self := alice.ID().Bytes()
		st := open(&wire.Query{Id: idOf(1), Handler: "x", Hops: 1 << 30, Group: true, After: self, Before: self})
		if got := <-hops; got != 0 {
			t.Errorf("passed on with %d hops", got)
		}
		var a wire.Answer
		if err := st.ReadMsg(&a, 1000); err != io.EOF {
			t.Errorf("%v, %v", &a, err)
		}
	})
}

func TestFloodOfQueriesIsLimited(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, open, alice := rogue(t, w, "alice")
		var mu sync.Mutex
		now, most := 0, 0
		alice.Net().Resolver().Handle("slow", resolver.HandlerFunc(func(w resolver.ResponseWriter, q *resolver.Query) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			<-q.Context.Done()
			mu.Lock()
			now--
			mu.Unlock()
		}))
		busy := 0
		var streams []*endpoint.Stream
		for i := range 200 {
			st := open(&wire.Query{Id: idOf(i), Handler: "slow"})
			streams = append(streams, st)
			_ = st.SetReadDeadline(time.Now().Add(5 * latency))
			var a wire.Answer
			if st.ReadMsg(&a, 1000) == nil && a.GetFailure().GetCode() == wire.Failure_BUSY {
				busy++
			}
		}
		mu.Lock()
		if most != 32 || busy != 200-32 {
			t.Errorf("%d at once, %d refused", most, busy)
		}
		mu.Unlock()
		bob := w.Start("bob")
		if _, err := bob.Net().Connect(t.Context(), w.Info(alice)); err != nil {
			t.Fatal(err)
		}
		if _, errs := ask(t.Context(), bob, alice.ID(), "none", ""); len(errs) != 1 || !errors.Is(errs[0], resolver.ErrNoHandler) {
			t.Errorf("somebody else: %v", errs)
		}
		for _, st := range streams {
			_ = st.Reset()
		}
		w.Until(time.Second, "all end", func() bool { mu.Lock(); defer mu.Unlock(); return now == 0 })
	})
}

// Streams that never say what they want count as well, and end.
func TestQueriesThatNeverArriveAreLimited(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, open, _ := rogue(t, w, "alice")
		for range 128 {
			_, _ = open(nil).Write([]byte("\x80\x80\x04half"))
		}
		time.Sleep(time.Second)
		var a wire.Answer
		if err := open(&wire.Query{Id: idOf(1), Handler: "x"}).ReadMsg(&a, 1000); err != nil || a.GetFailure().GetCode() != wire.Failure_BUSY {
			t.Errorf("%v, %v", &a, err)
		}
		time.Sleep(11 * time.Second)
		if err := open(&wire.Query{Id: idOf(2), Handler: "x"}).ReadMsg(&a, 1000); err != nil || a.GetFailure().GetCode() != wire.Failure_NO_HANDLER {
			t.Errorf("later: %v, %v", &a, err)
		}
	})
}

// An asker that keeps its stream open when it has its answer takes up no room.
func TestAskerThatNeverHangsUpIsLetGo(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, open, _ := rogue(t, w, "alice")
		for i := range 100 {
			var a wire.Answer
			if err := open(&wire.Query{Id: idOf(i), Handler: "x"}).ReadMsg(&a, 1000); err != nil || a.GetFailure().GetCode() != wire.Failure_NO_HANDLER {
				t.Fatalf("query %d: %v, %v", i, &a, err)
			}
		}
	})
}

func TestAnswersOfAHostilePeer(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, _, alice := rogue(t, w, "alice")
		sent := 0
		e.Handle("resolver", func(st *endpoint.Stream) {
			var q wire.Query
			_ = st.ReadMsg(&q, 1000)
			for q.GetHandler() == "endless" && st.WriteMsg(&wire.Answer{From: alice.ID().Bytes(), Kind: &wire.Answer_Body{}}) == nil {
				sent++
			}
			_ = st.WriteMsg(&wire.Answer{From: alice.ID().Bytes()})
			_, _ = st.Write([]byte("\xff\xff\xff\xff\x0f"))
		})
		var froms []id.Peer
		var errs []error
		for r, err := range alice.Net().Resolver().Query(t.Context(), e.ID(), "lie", nil) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			froms = append(froms, r.From)
		}
		if len(froms) != 1 || froms[0] != e.ID() || len(errs) != 1 || !errors.Is(errs[0], endpoint.ErrFrameTooLarge) {
			t.Errorf("from %v, errors %v", froms, errs)
		}
		n := 0
		for r, err := range alice.Net().Resolver().Query(t.Context(), id.Peer{}, "endless", nil) {
			if n++; err != nil || r.From != e.ID() {
				t.Fatalf("%v from %v, who says it is from %v", err, e.ID(), r)
			}
		}
		if n != resolver.MaxGroupAnswers {
			t.Errorf("%d answers", n)
		}
	})
}

// A neighbour that always has one more answer does not hold up a query for ever.
func TestEndlessAnswersEnd(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, _, alice := rogue(t, w, "alice")
		e.Handle("resolver", func(st *endpoint.Stream) {
			for st.WriteMsg(&wire.Answer{Kind: &wire.Answer_Body{}}) == nil {
				time.Sleep(4 * time.Second)
			}
		})
		start := time.Now()
		for range alice.Net().Resolver().Query(t.Context(), id.Peer{}, "x", nil) {
		}
		if d := time.Since(start); d < time.Minute || d > 3*time.Minute {
			t.Errorf("ended after %v", d)
		}
	})
}

// An asker that has closed its side still gets its answers, and does not keep the
// group from being left.
func TestCloseEndsTheQueryOfAnAskerThatClosedItsSide(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, open, alice := rogue(t, w, "alice")
		alice.Net().Resolver().Handle("slow", resolver.HandlerFunc(func(w resolver.ResponseWriter, q *resolver.Query) {
			_ = w.Respond(nil)
			<-q.Context.Done()
		}))
		st := open(&wire.Query{Id: idOf(1), Handler: "slow"})
		_ = st.CloseWrite()
		time.Sleep(time.Second)
		var a wire.Answer
		if err := st.ReadMsg(&a, 1000); err != nil {
			t.Error(err)
		}
		start := time.Now()
		w.Stop(alice)
		if d := time.Since(start); d > time.Second {
			t.Errorf("closed after %v", d)
		}
	})
}

func TestRemoveTakesAwayOnlyItsOwnHandler(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice := w.Start("alice")
		r := alice.Net().Resolver()
		remove := r.Handle("x", say("first"))
		remove()
		r.Handle("x", say("second"))
		remove()
		if answers, errs := ask(t.Context(), alice, alice.ID(), "x", ""); len(answers) != 1 || len(errs) > 0 {
			t.Errorf("%v, %v", answers, errs)
		}
	})
}
