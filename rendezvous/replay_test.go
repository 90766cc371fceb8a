package rendezvous_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

func TestReplay(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 2, 4, 0)
		x.rest()
		before := listen(t, x.edges[0], "topic")
		time.Sleep(10 * latency)
		texts := numbered("message", 10)
		for _, text := range texts {
			propagate(t, x.edges[1], "topic", text)
			time.Sleep(time.Second)
		}
		propagate(t, x.edges[1], "another", "not asked for")
		time.Sleep(10 * latency) // the last one is that and a second old
		type waiting struct {
			*listener
			what string
			want []string
		}
		var all []waiting
		var mu sync.Mutex
		var listening sync.WaitGroup                   // all at once: the messages must not get older
		for _, p := range append(x.edges, x.rdvs...) { // one had it live, one is the author
			for _, c := range []struct {
				replay rendezvous.Replay
				want   []string
			}{
				{rendezvous.Replay{}, nil},
				{rendezvous.Replay{Bundles: -1, Age: -1}, nil},
				{rendezvous.Replay{Bundles: 3}, texts[7:]},
				{rendezvous.Replay{Bundles: 1 << 40}, texts},
				{rendezvous.Replay{Age: 4500 * time.Millisecond}, texts[6:]},
				{rendezvous.Replay{Age: time.Hour}, texts},
				{rendezvous.Replay{Bundles: 2, Age: time.Hour}, texts[8:]},
				{rendezvous.Replay{Bundles: 9, Age: 4500 * time.Millisecond}, texts[6:]},
			} {
				listening.Go(func() {
					l := listenWith(t, p, "topic", c.replay)
					mu.Lock()
					defer mu.Unlock()
					all = append(all, waiting{l, fmt.Sprintf("%+v", c.replay), c.want})
				})
			}
		}
		listening.Wait()
		time.Sleep(10 * latency)
		for _, l := range all {
			l.wants(t, l.what, l.want...)
		}
		propagate(t, x.edges[2], "topic", "live")
		time.Sleep(10 * latency)
		for _, l := range all {
			l.wants(t, l.what+" and what is live", append(slices.Clone(l.want), "live")...)
		}
		before.wants(t, "who was there before", append(slices.Clone(texts), "live")...)
	})
}

func TestReplaySaysSo(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 2, 0)
		propagate(t, x.edges[0], "topic", "old")
		time.Sleep(5 * latency)
		sub, err := x.edges[1].Net().Rendezvous().Subscribe(t.Context(), "topic", rendezvous.Replay{Bundles: 1})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * latency)
		propagate(t, x.edges[0], "topic", "new")
		var last *rendezvous.Message
		for i, want := range []string{"old", "new"} {
			m, err := sub.Next(t.Context())
			if err != nil || string(m.Data) != want || m.Replayed != (i == 0) || m.Author != x.edges[0].ID() || last != nil && m.Seq <= last.Seq {
				t.Errorf("%+v, %v, want %s", m, err, want)
			}
			last = m
		}
	})
}

// Whoever comes in the middle of a flow gets all of it, in order, nothing twice: where
// it ends that is replayed nothing is missing.
func TestReplayMeetsWhatIsLive(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 2, 6, 0)
		x.rest()
		texts := numbered("message", 1000)
		var sending sync.WaitGroup
		for _, author := range []*peer.Peer{x.edges[0], x.rdvs[0]} {
			sending.Go(func() {
				for _, text := range texts {
					propagate(t, author, "from "+author.Name(), text)
					time.Sleep(5 * time.Millisecond)
				}
			})
		}
		var all []*listener
		for i := range 20 {
			time.Sleep(200 * time.Millisecond)
			for _, p := range append(x.edges[:3:3], x.rdvs[:2]...) {
				all = append(all, listenWith(t, p, []string{"from edge00", "from seed"}[i%2], rendezvous.Replay{Age: time.Hour}))
			}
		}
		sending.Wait()
		time.Sleep(10 * latency)
		for _, l := range all {
			l.wants(t, l.sub.Topic(), texts...)
		}
	})
}

// missing says which numbers of a flow are not there; what is there has to be in order.
func (l *listener) missing(t *testing.T, n int) int {
	t.Helper()
	last, had := -1, 0
	for _, text := range l.heard() {
		number, _, _ := strings.Cut(text, " ")
		i, err := strconv.Atoi(number)
		if err != nil || i <= last {
			t.Errorf("%s: %d after %d", l.at.Name(), i, last)
		}
		last = i
		had++
	}
	return n - had
}

// A rendezvous is killed, or falls silent, in the middle of a flow.
func TestNothingIsMissedWhenARendezvousIsLost(t *testing.T) {
	for _, c := range []struct {
		name   string
		rdvs   int // beside the seed
		silent bool
		author bool // it is the author's that is lost
	}{
		{"killed, another one's", 2, false, false},
		{"killed, the author's", 2, false, true},
		{"silent, another one's", 2, true, false},
		{"silent, the author's", 2, true, true},
		{"killed, the only one", 0, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newWorld(t, w, c.rdvs, 12, 0)
				if c.rdvs == 0 {
					start(w, "heir", rendezvous.Auto, x.seed)
				}
				x.rest()
				author := x.edges[0]
				dead := x.rdvOf(t, author)
				if !c.author {
					for _, e := range x.edges {
						if r := x.rdvOf(t, e); r != dead {
							dead = r
							break
						}
					}
				}
				var all []*listener
				for _, e := range x.edges {
					all = append(all, listen(t, e, "topic"))
				}
				time.Sleep(10 * latency)
				const n = 1000 // 20 s, unless it is held up
				for i := range n {
					propagate(t, author, "topic", fmt.Sprint(i))
					time.Sleep(20 * time.Millisecond)
					switch {
					case i != n/4:
					case c.silent:
						w.Net.Partition([]netip.Addr{w.Addr(dead)})
					default:
						go w.Kill(dead)
					}
				}
				time.Sleep(30 * time.Second)
				moved, missed := 0, 0
				for i, l := range all {
					lost := l.missing(t, n)
					missed += lost
					if lost > 0 {
						t.Logf("%s missed %d", x.edges[i].Name(), lost)
					}
					if st := status(x.edges[i]); st.Lease == nil || st.Lease.Rendezvous == dead.ID() {
						t.Errorf("%s has not moved: %+v", x.edges[i].Name(), st.Lease)
					} else if time.Since(st.Lease.Since) < 60*time.Second {
						moved++
					}
				}
				t.Logf("%d edges moved, %d messages missed", moved, missed)
				if moved == 0 || missed > 0 {
					t.Errorf("%d edges moved, %d messages missed", moved, missed)
				}
			})
		})
	}
}

// Asking costs a client nothing, so what it gets for that is bounded.
func TestReplayIsNoAmplifier(t *testing.T) {
	siege(t, 1, func(t *testing.T, x *world, m *mallory) {
		large := strings.Repeat("x", rendezvous.MaxMessage)
		for topic := range 5 {
			for range 32 {
				propagate(t, x.edges[0], fmt.Sprint(topic), large)
			}
			time.Sleep(time.Second)
		}
		st := m.lease()
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			for i := 0; ; i++ {
				topics := &wire.Topics{Replay: []*wire.Replay{{Topic: fmt.Sprint(i % 5), Bundles: 1000, Number: 7}}}
				if st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Topics{Topics: topics}}) != nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		begun, bytes := time.Now(), 0
		for time.Since(begun) < 60*time.Second {
			_ = st.SetReadDeadline(begun.Add(60 * time.Second))
			var f wire.ToEdge
			if st.ReadMsg(&f, 1<<20) != nil {
				break
			}
			bytes += len(f.GetReplayed().GetBundle())
		}
		if bytes < 12<<20 || bytes > (16+60+4)<<20 {
			t.Errorf("%d MiB in a minute", bytes>>20)
		}
		_ = st.Reset()
		<-stop
		st = m.lease()
		topics := &wire.Topics{Replay: []*wire.Replay{{Topic: strings.Repeat("t", 256)}}}
		_ = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Topics{Topics: topics}})
		ended(t, "too long a topic", st, time.Second)
	})
}

// Our rendezvous does not send us what we have propagated ourselves: what we do while
// we wait for a replay comes behind it all the same.
func TestOwnMessagesBehindAReplay(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 2, 0)
		for _, p := range append(x.edges, x.seed) {
			topic := "at " + p.Name()
			propagate(t, p, topic, "own")
			time.Sleep(5 * latency)
			propagate(t, x.edges[1], topic, "old")
			time.Sleep(5 * latency)
			l := listenWith(t, p, topic, rendezvous.Replay{Age: time.Minute})
			propagate(t, p, topic, "new 0", "new 1")
			one := listenWith(t, p, topic, rendezvous.Replay{Bundles: 2})
			time.Sleep(5 * latency)
			propagate(t, p, topic, "last")
			time.Sleep(5 * latency)
			l.wants(t, topic, "own", "old", "new 0", "new 1", "last")
			one.wants(t, topic, "new 0", "new 1", "last")
		}
	})
}

// An edge does not believe its rendezvous what nobody has signed, nor what is of
// another topic, and takes a bundle once, however often it is replayed.
func TestForgedReplay(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		e, h := w.Endpoint("mallory")
		var seq uint64
		seal := func(topic, text string) *wire.Bundle {
			seq++
			b, err := bundle.Seal(w.Key(h), id.Net, topic, uint64(time.Now().UnixNano())+seq, [][]byte{[]byte(text)}, 0)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		good, altered := seal("topic", "good"), seal("topic", "signed")
		altered.Messages[0] = []byte("altered")
		e.Handle("lease", func(st *endpoint.Stream) {
			frame := func(number uint64, b *wire.Bundle) {
				r := &wire.Replayed{Number: number}
				if b != nil {
					r.Bundle, _ = proto.Marshal(b)
				}
				_ = st.WriteMsg(&wire.ToEdge{Kind: &wire.ToEdge_Replayed{Replayed: r}})
			}
			for {
				var m wire.ToRendezvous
				if st.ReadMsg(&m, 1<<20) != nil {
					return
				}
				if m.GetAsk() != nil {
					_ = st.WriteMsg(&wire.ToEdge{Kind: &wire.ToEdge_Grant{Grant: &wire.Grant{LeaseMs: 60000}}})
				}
				for _, r := range m.GetTopics().GetReplay() {
					for range 10 {
						frame(r.GetNumber()+1000, seal("topic", "of another number"))
						frame(r.GetNumber(), altered)
						frame(r.GetNumber(), good)
						frame(r.GetNumber(), seal("another topic", "of another topic"))
						frame(0, nil)
					}
					frame(r.GetNumber(), nil)
					frame(r.GetNumber(), seal("topic", "behind the end"))
					frame(r.GetNumber(), nil)
					_ = st.WriteMsg(&wire.ToEdge{Kind: &wire.ToEdge_Bundle{Bundle: good}})
				}
			}
		})
		edge := start(w, "edge", rendezvous.Edge)
		if _, err := e.Connect(t.Context(), w.Info(edge)); err != nil {
			t.Fatal(err)
		}
		w.Until(10*time.Second, "it has a lease", func() bool { return status(edge).Lease != nil })
		l := listenWith(t, edge, "topic", rendezvous.Replay{Bundles: 5})
		other := listen(t, edge, "topic")
		time.Sleep(time.Second)
		l.wants(t, "the one that asked", "good")
		other.wants(t, "the other", "good")
	})
}
