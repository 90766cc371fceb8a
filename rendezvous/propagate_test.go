package rendezvous_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// listener notes what a subscription receives.
type listener struct {
	at  *peer.Peer
	sub *rendezvous.Subscription

	mu  sync.Mutex
	got []string
}

// listen subscribes, and receives until the group is left.
func listen(t *testing.T, p *peer.Peer, topic string) *listener {
	t.Helper()
	return listenWith(t, p, topic, rendezvous.Replay{})
}

func listenWith(t *testing.T, p *peer.Peer, topic string, replay rendezvous.Replay) *listener {
	t.Helper()
	sub, err := p.Net().Rendezvous().Subscribe(t.Context(), topic, replay)
	if err != nil {
		t.Fatalf("subscribe at %s: %v", p.Name(), err)
	}
	l := &listener{at: p, sub: sub}
	go func() {
		for {
			m, err := sub.Next(context.Background())
			if err != nil {
				return
			}
			l.mu.Lock()
			l.got = append(l.got, string(m.Data))
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *listener) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.got...)
}

// wants fails the test unless the listener has heard these, in this order.
func (l *listener) wants(t *testing.T, what string, want ...string) {
	t.Helper()
	if got := l.heard(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %s has heard %d of %d, lost %d: %.300q", what, l.at.Name(), len(got), len(want), l.sub.Dropped(), got)
	}
}

func propagate(t *testing.T, p *peer.Peer, topic string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := p.Net().Rendezvous().Propagate(t.Context(), topic, []byte(text)); err != nil {
			t.Errorf("propagate at %s: %v", p.Name(), err)
		}
	}
}

func numbered(what string, n int) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint(what, " ", i))
	}
	return texts
}

func TestMessageReachesAllSubscribersOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 4, 12, 0)
		x.rest()
		all := append(x.edges[:len(x.edges):len(x.edges)], x.rdvs...)
		var want, other []*listener
		for i, p := range all {
			if i%3 == 0 {
				other = append(other, listen(t, p, "another topic"))
			} else {
				want = append(want, listen(t, p, "topic"))
			}
		}
		time.Sleep(10 * latency)
		heard := 0
		for _, author := range []*peer.Peer{x.edges[1], x.edges[0], x.seed, x.rdvs[2]} { // subscribed or not
			text := "from " + author.Name()
			propagate(t, author, "topic", text)
			begun := time.Now()
			w.Until(8*latency, "all have heard "+text, func() bool {
				for _, l := range want {
					if len(l.heard()) != heard+1 {
						return false
					}
				}
				return true
			})
			t.Logf("%s: %v", text, time.Since(begun))
			heard++
		}
		time.Sleep(10 * time.Second)
		for _, l := range want {
			l.wants(t, "at last", "from edge01", "from edge00", "from seed", "from "+x.rdvs[2].Name())
		}
		for _, l := range other {
			l.wants(t, "another topic")
		}
		_ = want[0].sub.Close()
		time.Sleep(10 * latency)
		propagate(t, x.edges[5], "topic", "more")
		time.Sleep(10 * latency)
		if len(want[0].heard()) != heard || len(want[1].heard()) != heard+1 {
			t.Error("the subscription was closed, and went on; or another one with it")
		}
	})
}

func TestFlatOutArrivesCompletelyInOrder(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 11, 0)
		x.rest()
		var all []*listener
		for _, p := range x.edges[1:] {
			all = append(all, listen(t, p, "topic"))
		}
		time.Sleep(10 * latency)
		texts := numbered("message", 2000)
		propagate(t, x.edges[0], "topic", texts...)
		time.Sleep(10 * time.Second)
		for _, l := range all {
			l.wants(t, "one author", texts...)
		}
	})
}

func TestManyAuthorsAtOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 2, 6, 0)
		x.rest()
		var all []*listener
		for _, p := range x.edges {
			all = append(all, listen(t, p, "topic"))
		}
		time.Sleep(10 * latency)
		var sending sync.WaitGroup
		for _, author := range x.edges {
			for i := range 4 { // goroutines of one author: bundles
				sending.Go(func() { propagate(t, author, "topic", numbered(fmt.Sprint(author.Name(), i), 50)...) })
			}
		}
		sending.Wait()
		time.Sleep(10 * time.Second)
		for _, l := range all {
			last, n := map[string]int{}, 0
			for _, text := range l.heard() {
				var who string
				var i int
				_, _ = fmt.Sscan(text, &who, &i)
				if i != last[who] {
					t.Fatalf("%s: %s, wanted %d", l.at.Name(), text, last[who])
				}
				last[who]++
				n++
			}
			if n != 6*4*50 {
				t.Errorf("%s has heard %d", l.at.Name(), n)
			}
		}
	})
}

func TestPropagationGoesOnAfterARendezvousWasKilled(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 12, 0)
		x.rest()
		var all []*listener
		for _, p := range x.edges {
			all = append(all, listen(t, p, "topic"))
		}
		dead := x.rdvOf(t, x.edges[0])
		x.rdvs = slices.DeleteFunc(x.rdvs, func(r *peer.Peer) bool { return r == dead })
		w.Kill(dead)
		w.Until(3*time.Second, "all edges have moved", func() bool {
			for _, e := range x.edges {
				if l := status(e).Lease; l == nil || l.Rendezvous == dead.ID() {
					return false
				}
			}
			return true
		})
		time.Sleep(5 * latency)
		var want []string
		for _, author := range x.edges {
			want = append(want, author.Name())
			propagate(t, author, "topic", author.Name())
			time.Sleep(10 * latency)
		}
		for _, l := range all {
			l.wants(t, "after the move", want...)
		}
	})
}

func TestSlowSubscriberLosesItsOldestAlone(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 1, 3, 0)
		x.rest()
		e := x.edges[0]
		slow, err := e.Net().Rendezvous().Subscribe(t.Context(), "topic", rendezvous.Replay{})
		if err != nil {
			t.Fatal(err)
		}
		same, other := listen(t, e, "topic"), listen(t, x.edges[1], "topic")
		time.Sleep(10 * latency)
		texts := numbered("message", 5000)
		propagate(t, x.edges[2], "topic", texts...)
		time.Sleep(10 * time.Second)
		same.wants(t, "the same peer", texts...)
		other.wants(t, "another peer", texts...)
		if st := status(e); slow.Dropped() != 5000-4096 || st.Traffic.Dropped != slow.Dropped() {
			t.Errorf("lost %d, counted %d", slow.Dropped(), st.Traffic.Dropped)
		}
		if m, err := slow.Next(t.Context()); err != nil || string(m.Data) != "message 904" || m.Author != x.edges[2].ID() {
			t.Errorf("first %v, %v", m, err)
		}
		_ = slow.Close()
		n := 1
		for {
			if _, err := slow.Next(t.Context()); err != nil {
				break
			}
			n++
		}
		if n != 4096 {
			t.Errorf("%d were left", n)
		}
	})
}

func TestStalledEdgeHurtsNobodyElse(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 4, 0)
		x.rest()
		var all []*listener
		for _, p := range x.edges[:3] {
			all = append(all, listen(t, p, "topic"))
		}
		time.Sleep(10 * latency)
		w.Net.Block(w.Addr(x.seed), w.Addr(x.edges[0]))
		payload := strings.Repeat("x", 60<<10)
		begun := time.Now()
		var texts []string
		for i := range 400 { // 24 MB
			texts = append(texts, fmt.Sprint(i, payload))
		}
		propagate(t, x.edges[3], "topic", texts...)
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("the author was held up for %v", d)
		}
		time.Sleep(3 * time.Second)
		for _, l := range all[1:] {
			if got := l.heard(); len(got) != len(texts) || got[399] != texts[399] {
				t.Errorf("%s has heard %d", l.at.Name(), len(got))
			}
		}
		if c := status(x.seed).Clients; len(c) == 4 {
			for _, one := range c {
				if lost := one.Dropped > 0; lost != (one.ID == x.edges[0].ID()) {
					t.Errorf("%s lost %d", one.Name, one.Dropped)
				}
			}
		} else {
			t.Logf("%d clients: the stalled one has lost its lease", len(c))
		}
	})
}

func TestWhatCannotBePropagated(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 1, 0)
		lone := start(w, "lone", rendezvous.Edge)
		e := x.edges[0].Net().Rendezvous()
		for _, c := range []struct {
			name  string
			at    *rendezvous.Service
			topic string
			size  int
			want  error
		}{
			{"the longest topic", e, strings.Repeat("t", 255), 1, nil},
			{"too long a topic", e, strings.Repeat("t", 256), 1, rendezvous.ErrTopic},
			{"no topic", e, "", 1, rendezvous.ErrTopic},
			{"no UTF-8", e, "\xff", 1, rendezvous.ErrTopic},
			{"the largest message", e, "t", rendezvous.MaxMessage, nil},
			{"too large", e, "t", rendezvous.MaxMessage + 1, rendezvous.ErrTooLarge},
			{"nothing", e, "t", 0, nil},
			{"no rendezvous", lone.Net().Rendezvous(), "t", 1, rendezvous.ErrNoRendezvous},
		} {
			if err := c.at.Propagate(t.Context(), c.topic, make([]byte, c.size)); !errors.Is(err, c.want) || err == nil && c.want != nil {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if !errors.Is(c.want, rendezvous.ErrTopic) {
				continue
			}
			if _, err := c.at.Subscribe(t.Context(), c.topic, rendezvous.Replay{}); !errors.Is(err, c.want) {
				t.Errorf("subscribe, %s: %v, want %v", c.name, err, c.want)
			}
		}
	})
}

// The rendezvous ends the lease of who subscribes to more: it does not come to that.
func TestSubscriptionsAreLimited(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 2, 0)
		s := x.edges[0].Net().Rendezvous()
		var subs []*rendezvous.Subscription
		for i := range 256 {
			sub, err := s.Subscribe(t.Context(), fmt.Sprint("topic", i), rendezvous.Replay{})
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, sub)
		}
		if _, err := s.Subscribe(t.Context(), "one more", rendezvous.Replay{}); !errors.Is(err, rendezvous.ErrTopic) {
			t.Error(err)
		}
		if _, err := s.Subscribe(t.Context(), "topic7", rendezvous.Replay{}); err != nil {
			t.Errorf("once more to the same: %v", err)
		}
		_ = subs[9].Close()
		last := listen(t, x.edges[0], "one more")
		time.Sleep(10 * latency)
		propagate(t, x.edges[1], "one more", "hello")
		time.Sleep(10 * latency)
		last.wants(t, "instead of a closed one", "hello")
		if st := status(x.edges[0]); st.Lease == nil || time.Since(st.Lease.Since) < 20*latency {
			t.Error("the lease was lost")
		}
	})
}

// An author that had nothing to send for a minute begins anew.
func TestPropagateNowAndThen(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 0, 2, 0)
		l := listen(t, x.edges[0], "topic")
		time.Sleep(10 * latency)
		texts := numbered("message", 20)
		for i, text := range texts {
			propagate(t, x.edges[1], "topic", text)
			time.Sleep(time.Minute + time.Duration(i-10)*latency/4)
		}
		l.wants(t, "now and then", texts...)
	})
}
