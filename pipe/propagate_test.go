package pipe_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// audience is a propagate pipe with an author and subscribers.
type audience struct {
	*testnet.World
	t      *testing.T
	adv    *adv.Pipe
	author *peer.Peer
	rdvs   []*peer.Peer
	out    *pipe.Publisher
	subs   []*listener
}

// listener receives, and notes what.
type listener struct {
	t     *testing.T
	at    *peer.Peer
	sub   *pipe.Subscriber
	queue <-chan pipe.Taken
	close func() error

	mu     sync.Mutex
	got    []int // numbers
	ended  chan struct{}
	cancel context.CancelFunc
}

const queueLength = 256

// listen binds the pipe at a peer.
func (x *audience) listen(at *peer.Peer, cfg *pipe.InputConfig) *listener {
	x.t.Helper()
	l := &listener{t: x.t, at: at, ended: make(chan struct{})}
	var err error
	l.sub, l.queue, l.close, err = pipe.NewSubscriber(x.t.Context(), at.Net().Pipe(), x.adv, cfg, queueLength)
	if err != nil {
		x.t.Fatalf("bind at %s: %v", at.Name(), err)
	}
	x.subs = append(x.subs, l)
	return l
}

// receive takes messages, pausing after each, until ctx ends.
func (l *listener) receive(ctx context.Context, pause time.Duration) {
	defer close(l.ended)
	for {
		select {
		case m := <-l.queue:
			m.Take()
			l.mu.Lock()
			l.got = append(l.got, numberIn(m.Message))
			l.mu.Unlock()
		case <-ctx.Done():
			return
		}
		if pause > 0 {
			time.Sleep(pause)
		}
	}
}

func (l *listener) heard() []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]int(nil), l.got...)
}

// wants fails the test unless it has heard the numbers from one up to another, in order.
func (l *listener) wants(from, to int) {
	l.t.Helper()
	got := l.heard()
	for i, n := range got {
		if n != from+i {
			l.t.Errorf("%s: message %d is number %d (lost %d)", l.at.Name(), i, n, l.sub.Lost())
			return
		}
	}
	if len(got) != to-from {
		l.t.Errorf("%s: %d messages, want %d to %d (lost %d)", l.at.Name(), len(got), from, to, l.sub.Lost())
	}
}

func numberIn(m *message.Message) int {
	e, _ := m.Get("data")
	return int(binary.BigEndian.Uint32(e.Data))
}

// newAudience makes a world of so many rendezvous and subscribers, and an author.
func newAudience(t *testing.T, w *testnet.World, rdvs, subs int) *audience {
	t.Helper()
	x := &audience{World: w, t: t, adv: &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Propagate, Name: "news"}}
	seed := w.StartAs(rendezvous.Rendezvous, "seed")
	all := []*peer.Peer{seed}
	for i := range rdvs - 1 {
		all = append(all, w.StartAs(rendezvous.Rendezvous, fmt.Sprint("rdv", i), seed))
	}
	x.author = w.StartAs(rendezvous.Edge, "author", seed)
	for i := range subs {
		all = append(all, w.StartAs(rendezvous.Edge, fmt.Sprintf("sub%02d", i), all[i%rdvs]))
	}
	x.rdvs = all[:rdvs]
	w.Settle(append(all, x.author)...)
	for _, p := range all[rdvs:] {
		x.listen(p, nil)
	}
	time.Sleep(time.Second)
	return x
}

// publish makes the output end.
func (x *audience) publish(cfg *pipe.OutputConfig) {
	x.t.Helper()
	var err error
	if x.out, err = pipe.NewPublisher(x.t.Context(), x.author.Net().Pipe(), x.adv, cfg); err != nil {
		x.t.Fatal(err)
	}
}

// send sends numbered messages of that size.
func (x *audience) send(from, to, size int) {
	x.t.Helper()
	for i := from; i < to; i++ {
		if err := x.out.Send(x.t.Context(), numbered(i, size)); err != nil {
			x.t.Fatalf("send %d: %v", i, err)
		}
	}
}

// start has all subscribers that do not do so yet receive, pausing after each message.
func (x *audience) start(pause time.Duration) {
	for _, l := range x.subs {
		l.start(pause)
	}
}

// stop ends all that goes on.
func (x *audience) stop() {
	for _, l := range x.subs {
		l.stop()
	}
}

func (l *listener) start(pause time.Duration) {
	if l.cancel == nil {
		ctx, cancel := context.WithCancel(context.Background())
		l.cancel = cancel
		go l.receive(ctx, pause)
	}
}

func (l *listener) stop() {
	if l.cancel != nil {
		l.cancel()
		<-l.ended
	}
	if l.close != nil {
		if err := l.close(); err != nil {
			l.t.Errorf("close %s: %v", l.at.Name(), err)
		}
		l.close = nil
	}
}

// complete waits until the subscribers have had so many messages, or have lost them.
func (x *audience) complete(d time.Duration, count int, subs ...*listener) {
	x.t.Helper()
	x.Until(d, "all have everything", func() bool {
		for _, l := range subs {
			if len(l.heard())+int(l.sub.Lost()) < count {
				return false
			}
		}
		return true
	})
}

// grows fails the test unless what was heard is in order, without doubles, and all that
// is missing of count is known to be lost.
func (l *listener) grows(count int) (lost int) {
	l.t.Helper()
	got := l.heard()
	for i := range got[1:] {
		if got[i+1] <= got[i] {
			l.t.Errorf("%s: number %d after %d", l.at.Name(), got[i+1], got[i])
			break
		}
	}
	lost = int(l.sub.Lost())
	if len(got)+lost != count {
		l.t.Errorf("%s: heard %d, lost %d, together %d of %d", l.at.Name(), len(got), lost, len(got)+lost, count)
	}
	return lost
}

func TestAllSubscribersGetEverythingInOrder(t *testing.T) {
	const count = 20_000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 10)
		defer x.stop()
		x.start(0)
		x.publish(nil)
		begun := time.Now()
		x.send(0, count, 100)
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%d messages in %v of virtual time", count, time.Since(begun))
		for _, l := range x.subs {
			l.wants(0, count)
		}
	})
}

// A subscriber that is too slow delays the others by Grace at the most, and knows what
// it has lost.
func TestSlowSubscriberIsLeftBehind(t *testing.T) {
	const count, grace = 20_000, 5 * time.Second
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 4)
		defer x.stop()
		slow, fast := x.subs[0], x.subs[1:]
		slow.start(10 * time.Millisecond)
		x.start(0)
		x.publish(&pipe.OutputConfig{Grace: grace})
		begun := time.Now()
		x.send(0, count, 1024)
		took := time.Since(begun)
		if took < grace || took > grace+4*time.Second {
			t.Errorf("sent in %v", took)
		}
		x.complete(time.Second, count, fast...)
		for _, l := range fast {
			l.wants(0, count)
		}
		account := x.out.Account()
		if account.Behind != 1 || len(account.Subscribers) != 4 {
			t.Errorf("account %+v", account)
		}
		x.complete(4*time.Minute, count, slow)
		lost := slow.grows(count)
		t.Logf("sent in %v; the slow one has lost %d", took, lost)
		time.Sleep(10 * time.Second)
		if account := x.out.Account(); account.Behind != 0 || account.Lost != uint64(lost) || account.Sent != count {
			t.Errorf("at last: account %+v, lost %d", account, lost)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// With little enough to catch up with, whoever is left behind loses nothing.
func TestLeftBehindCatchesUp(t *testing.T) {
	const count = 6000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 2)
		defer x.stop()
		x.subs[1].start(0)
		x.publish(&pipe.OutputConfig{Grace: time.Second})
		x.send(0, count, 1024)
		if account := x.out.Account(); account.Behind != 1 {
			t.Errorf("account %+v", account)
		}
		x.start(0)
		x.complete(10*time.Second, count, x.subs...)
		for _, l := range x.subs {
			l.wants(0, count)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestBestEffort(t *testing.T) {
	const count = 40_000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 5)
		defer x.stop()
		slow := x.subs[0]
		slow.start(time.Millisecond)
		x.start(0)
		x.publish(&pipe.OutputConfig{Contract: pipe.BestEffort})
		begun := time.Now()
		x.send(0, count, 1024)
		took := time.Since(begun)
		x.complete(time.Minute, count, x.subs...)
		lost := 0
		for _, l := range x.subs {
			lost += l.grows(count)
		}
		if slow.sub.Lost() == 0 {
			t.Error("the slow one has lost nothing: the test tests nothing")
		}
		time.Sleep(10 * time.Second)
		if account := x.out.Account(); account.Sent != count || account.Lost != uint64(lost) || len(account.Subscribers) != 5 {
			t.Errorf("account %+v, lost %d", account, lost)
		}
		t.Logf("sent in %v, lost %d, the slow one %d", took, lost, slow.sub.Lost())
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A rendezvous dies while messages flow.
func TestReliableOverTheDeathOfARendezvous(t *testing.T) {
	const count = 3000
	for _, whose := range []string{"a subscriber's", "the author's"} {
		t.Run(whose, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newAudience(t, w, 3, 6)
				defer x.stop()
				x.start(0)
				x.publish(nil)
				victim := x.rendezvousOf(x.author)
				if whose != "the author's" {
					victim = x.other(victim)
				}
				for i := range count {
					x.send(i, i+1, 100)
					time.Sleep(10 * time.Millisecond)
					if i == count/3 {
						w.Kill(victim)
					}
				}
				if err := x.out.Close(); err != nil {
					t.Error(err)
				}
				for _, l := range x.subs {
					l.wants(0, count)
				}
			})
		})
	}
}

// other returns another rendezvous of a subscriber.
func (x *audience) other(but *peer.Peer) *peer.Peer {
	x.t.Helper()
	for _, l := range x.subs {
		if r := x.rendezvousOf(l.at); r != but {
			return r
		}
	}
	x.t.Fatal("all subscribers have one rendezvous")
	return nil
}

// rendezvousOf returns the peer that an edge has its lease with.
func (x *audience) rendezvousOf(p *peer.Peer) *peer.Peer {
	x.t.Helper()
	for _, r := range x.rdvs {
		if r.ID() == p.Net().Rendezvous().Status().Lease.Rendezvous {
			return r
		}
	}
	x.t.Fatalf("%s has no lease", p.Name())
	return nil
}

// An author dies: what it has left behind at the subscribers goes, too.
func TestAuthorDies(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 3)
		defer x.stop()
		x.start(0)
		x.publish(nil)
		x.send(0, 100, 100)
		x.complete(time.Second, 100, x.subs...)
		w.Kill(x.author)
		time.Sleep(3 * time.Minute)
		for _, l := range x.subs {
			l.wants(0, 100)
			if n := l.sub.Streams(); n != 0 {
				t.Errorf("%s follows %d streams", l.at.Name(), n)
			}
		}
	})
}

// A subscriber that dies, or leaves, does not hold the author back.
func TestSubscriberGoes(t *testing.T) {
	for name, goes := range map[string]func(x *audience, l *listener){
		"leaves": func(x *audience, l *listener) { l.stop() },
		"dies": func(x *audience, l *listener) {
			x.Net.Kill(x.Addr(l.at))
			l.stop()
			x.Stop(l.at)
		},
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newAudience(t, w, 1, 2)
				defer x.stop()
				x.publish(&pipe.OutputConfig{Grace: time.Hour})
				stuck := x.subs[1]
				x.subs[0].start(0)
				sent := make(chan struct{})
				go func() {
					x.send(0, 5000, 1024)
					close(sent)
				}()
				time.Sleep(time.Minute)
				goes(x, stuck)
				begun := time.Now()
				<-sent
				if took := time.Since(begun); took > 15*time.Second {
					t.Errorf("held back for %v", took)
				}
				x.complete(time.Second, 5000, x.subs[0])
				x.subs[0].wants(0, 5000)
				if err := x.out.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestLateJoiner(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.start(0)
		late := w.StartAs(rendezvous.Edge, "late", x.rdvs[0])
		w.Settle(late)
		x.publish(nil)
		for i := range 100 {
			x.send(i, i+1, 100)
			time.Sleep(100 * time.Millisecond)
		}
		for _, c := range []struct {
			replay pipe.Replay
			from   int
		}{{pipe.Replay{}, 100}, {pipe.Replay{Messages: 10}, 90}, {pipe.Replay{Age: time.Hour}, 0}, {pipe.Replay{Messages: 10_000}, 0}} {
			l := x.listen(late, &pipe.InputConfig{Replay: c.replay})
			l.start(0)
			time.Sleep(time.Second)
			l.wants(c.from, 100)
			l.stop()
			x.subs = x.subs[:1]
		}
		l := x.listen(late, &pipe.InputConfig{Replay: pipe.Replay{Messages: 5}})
		l.start(0)
		x.send(100, 200, 100)

		x.complete(time.Second, 105, l)
		l.wants(95, 200)
		if l.sub.Lost() != 0 {
			t.Errorf("lost %d", l.sub.Lost())
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReceipts(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 5)
		defer x.stop()
		for _, l := range x.subs[1:] {
			l.start(0)
		}
		x.publish(nil)
		x.send(0, 10, 100)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		r, err := x.out.Receipt(ctx, numbered(10, 100))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || r.Acknowledged != 4 || !slices.Equal(r.Lagging, []id.Peer{x.subs[0].at.ID()}) {
			t.Errorf("one does not take it: %+v, %v", r, err)
		}
		x.start(0)
		begun := time.Now()
		r, err = x.out.Receipt(t.Context(), numbered(11, 100))
		if took := time.Since(begun); err != nil || r.Acknowledged != 5 || len(r.Lagging) > 0 || took > 6*latency {
			t.Errorf("all take it: %+v, %v, after %v", r, err, took)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestReceiptOfNobody(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 0)
		x.publish(nil)
		begun := time.Now()
		for _, longest := range []time.Duration{500 * time.Millisecond, 0} {
			r, err := x.out.Receipt(t.Context(), numbered(1, 100))
			if took := time.Since(begun); err != nil || r.Acknowledged != 0 || len(r.Lagging) > 0 || took > longest {
				t.Errorf("%+v, %v, after %v", r, err, took)
			}
			begun = time.Now()
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Who resolves, sends once and closes reaches all who listen.
func TestOneShot(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 5)
		defer x.stop()
		x.start(0)
		for i := range 3 {
			x.publish(nil)
			x.send(i, i+1, 100)
			if err := x.out.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, l := range x.subs {
			l.wants(0, 3)
		}
	})
}

// An author that listens, too, hears itself, and holds itself to the contract.
func TestAuthorHearsItself(t *testing.T) {
	const count = 5000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 1)
		defer x.stop()
		x.listen(x.author, nil)
		x.start(0)
		x.publish(nil)
		x.send(0, count, 1024)
		r, err := x.out.Receipt(t.Context(), numbered(count, 100))
		if err != nil || r.Acknowledged != 2 {
			t.Errorf("receipt %+v, %v", r, err)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		for _, l := range x.subs {
			l.wants(0, count+1)
		}
	})
}

func TestLongMessages(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 3)
		defer x.stop()
		x.start(0)
		x.publish(nil)
		for i, size := range []int{10, 1 << 20, 127 << 10, 128 << 10, 10, 10, 9 << 20, 10} {
			x.send(i, i+1, size)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		for _, l := range x.subs {
			l.wants(0, 8)
		}
	})
}

// A long message whose sender gives up half-way is not there, and nothing else suffers.
func TestLongMessageGivenUp(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 1, 2)
		defer x.stop()
		x.publish(nil)
		time.Sleep(time.Second)
		x.send(0, 1, 10) // is taken by nobody: no part is acknowledged
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := x.out.Send(ctx, numbered(99, 10<<20)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("sent: %v", err)
		}
		x.start(0)
		x.send(1, 3, 10)
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		for _, l := range x.subs {
			l.wants(0, 3)
			if l.sub.Lost() != 0 {
				t.Errorf("%s lost %d", l.at.Name(), l.sub.Lost())
			}
		}
	})
}

// Several goroutines, and several output ends of one peer.
func TestManySenders(t *testing.T) {
	const ends, senders, each = 3, 4, 500
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 3)
		defer x.stop()
		x.start(0)
		var sending sync.WaitGroup
		for e := range ends {
			sending.Go(func() {
				out, err := pipe.NewPublisher(t.Context(), x.author.Net().Pipe(), x.adv, nil)
				if err != nil {
					t.Error(err)
					return
				}
				var of sync.WaitGroup
				for g := range senders {
					of.Go(func() {
						for i := range each {
							size := 100
							if i%100 == 0 {
								size = 300 << 10
							}
							if err := out.Send(t.Context(), numbered((e*senders+g)*each+i, size)); err != nil {
								t.Error(err)
							}
						}
					})
				}
				of.Wait()
				if err := out.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		sending.Wait()
		for _, l := range x.subs {
			next := map[int]int{}
			got := l.heard()
			for _, n := range got {
				if n%each != next[n/each] {
					t.Fatalf("%s: number %d of sender %d, want %d", l.at.Name(), n%each, n/each, next[n/each])
				}
				next[n/each]++
			}
			if len(got) != ends*senders*each {
				t.Errorf("%s: %d messages", l.at.Name(), len(got))
			}
		}
	})
}

// The same through the ends that applications have.
func TestPropagatePipe(t *testing.T) {
	const count = 1000
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 4)
		var ins []*pipe.Input
		for _, l := range x.subs {
			l.stop()
			in, err := l.at.Net().Pipe().Bind(t.Context(), x.adv)
			if err != nil {
				t.Fatal(err)
			}
			ins = append(ins, in)
		}
		time.Sleep(time.Second)
		out, err := x.author.Net().Pipe().Resolve(t.Context(), x.adv)
		if err != nil {
			t.Fatal(err)
		}
		var receiving sync.WaitGroup
		for _, in := range ins {
			receiving.Go(func() {
				for i := range count + 1 {
					m, from, err := in.ReceiveFrom(t.Context())
					if err != nil || numberIn(m) != i || from != x.author.ID() {
						t.Errorf("message %d: number %d from %v, %v", i, numberIn(m), from, err)
						return
					}
				}
			})
		}
		for i := range count {
			if err := out.Send(t.Context(), numbered(i, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		r, err := out.SendReceipt(t.Context(), numbered(count, 1000))
		if err != nil || r.Acknowledged != len(ins) || len(r.Lagging) > 0 {
			t.Errorf("receipt %+v, %v", r, err)
		}
		receiving.Wait()
		if err := out.Close(); err != nil {
			t.Error(err)
		}
		for _, in := range ins {
			if in.Lost() != 0 {
				t.Errorf("lost %d", in.Lost())
			}
			if err := in.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
