package pipe_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// flat is a world in which messages of 1 KiB go as fast as they can.
type flat struct {
	rdvs, subs             int
	reliable, effort, slow int // messages in the test of each; 0: it has seen enough of others
}

var flats = []flat{
	{1, 4, 5000, 5000, 5000},
	{1, 10, 100_000, 100_000, 20_000},
	{3, 50, 20_000, 5000, 0},
}

// eachFlat runs a test in each world with so many messages. The big ones are smaller
// where the race detector is slow, and left out with -short.
func eachFlat(t *testing.T, count func(*flat) int, f func(t *testing.T, x *audience, count int)) {
	for _, c := range flats {
		n := count(&c)
		t.Run(fmt.Sprintf("%d over %d to %d", n, c.rdvs, c.subs), func(t *testing.T) {
			if n == 0 || testing.Short() && n*c.subs > 50_000 {
				t.Skip("too big")
			}
			if racing() {
				c.subs, n = min(c.subs, 10), min(n, 3000)
			}
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				x := newAudience(t, w, c.rdvs, c.subs)
				defer x.stop()
				f(t, x, n)
			})
		})
	}
}

// racing reports whether the race detector runs.
func racing() bool {
	info, _ := debug.ReadBuildInfo()
	return info != nil && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// flatOut sends, and returns when all is on its way.
func (x *audience) flatOut(count int) time.Duration {
	begun := time.Now()
	x.send(0, count, 1024)
	return time.Since(begun)
}

func TestFlatOutReliable(t *testing.T) {
	eachFlat(t, func(c *flat) int { return c.reliable }, func(t *testing.T, x *audience, count int) {
		x.start(0)
		x.publish(nil)
		took := x.flatOut(count)
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		for _, l := range x.subs {
			l.wants(0, count)
		}
		if a := x.out.Account(); a.Sent != uint64(count) || a.Lost != 0 {
			t.Errorf("account %+v", a)
		}
		t.Logf("%d messages to %d in %v of virtual time", count, len(x.subs), took)
	})
}

func TestFlatOutBestEffort(t *testing.T) {
	eachFlat(t, func(c *flat) int { return c.effort }, func(t *testing.T, x *audience, count int) {
		slow := x.subs[0]
		slow.start(time.Millisecond)
		x.start(0)
		x.publish(&pipe.OutputConfig{Contract: pipe.BestEffort})
		took := x.flatOut(count)
		x.complete(5*time.Minute, count, x.subs...)
		lost := 0
		for _, l := range x.subs {
			lost += l.grows(count)
		}
		time.Sleep(time.Second) // for the subscribers to say so
		a := x.out.Account()
		if a.Sent != uint64(count) || a.Lost != uint64(lost) || len(a.Subscribers) != len(x.subs) {
			t.Errorf("account %+v, lost %d", a, lost)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("%d messages to %d in %v of virtual time; lost %d, the slow one %d", count, len(x.subs), took, lost, slow.sub.Lost())
	})
}

// One is 100 times slower than the others: they are done as if it were not there, and at
// most Grace later.
func TestOneIsAHundredTimesSlower(t *testing.T) {
	const pace, grace = 100 * time.Microsecond, 5 * time.Second
	eachFlat(t, func(c *flat) int { return c.slow }, func(t *testing.T, x *audience, count int) {
		slow, others := x.subs[0], x.subs[1:]
		slow.start(100 * pace)
		x.start(pace)
		x.publish(&pipe.OutputConfig{Grace: grace})
		begun := time.Now()
		x.send(0, count, 1024)
		x.complete(time.Minute, count, others...)
		took, alone := time.Since(begun), time.Duration(count)*pace
		if took > grace+alone+time.Second {
			t.Errorf("the others are done after %v, without it they take %v", took, alone)
		}
		for _, l := range others {
			l.wants(0, count)
		}
		x.complete(10*time.Minute, count, slow)
		lost := slow.grows(count)
		time.Sleep(10 * time.Second)
		if a := x.out.Account(); a.Sent != uint64(count) || a.Lost != uint64(lost) || a.Behind != 0 {
			t.Errorf("account %+v, lost %d", a, lost)
		}
		if err := x.out.Close(); err != nil {
			t.Error(err)
		}
		t.Logf("the others are done after %v, the slow one has lost %d of %d", took, lost, count)
	})
}

// Several authors at once, of both contracts: each is in order, and all is accounted for.
func TestFlatOutOfSeveral(t *testing.T) {
	const authors, each = 4, 2500
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newAudience(t, w, 2, 8)
		defer x.stop()
		slow := x.subs[0]
		slow.start(500 * time.Microsecond)
		x.start(0)
		at := []*peer.Peer{x.author, x.subs[1].at, x.subs[2].at, x.rdvs[1]} // any peer may send
		outs := make([]*pipe.Publisher, authors)
		var sending sync.WaitGroup
		for a := range authors {
			cfg := &pipe.OutputConfig{Contract: pipe.Contract(a % 2), Grace: time.Minute}
			var err error
			if outs[a], err = pipe.NewPublisher(t.Context(), at[a].Net().Pipe(), x.adv, cfg); err != nil {
				t.Fatal(err)
			}
			sending.Go(func() {
				for i := range each {
					if err := outs[a].Send(t.Context(), numbered(a*each+i, 1024)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		sending.Wait()
		x.complete(time.Minute, authors*each, x.subs...)
		time.Sleep(time.Second)
		lost := 0
		for _, l := range x.subs {
			lost += l.ordered(authors, each)
		}
		told := 0
		for a, out := range outs {
			account := out.Account()
			if told += int(account.Lost); account.Sent != each || a%2 == 0 && account.Lost > 0 {
				t.Errorf("author %d: account %+v", a, account)
			}
			if err := out.Close(); err != nil {
				t.Error(err)
			}
		}
		if told != lost {
			t.Errorf("the subscribers have lost %d, the authors know of %d", lost, told)
		}
		t.Logf("lost %d, the slow one %d", lost, slow.sub.Lost())
	})
}

// ordered fails the test unless the messages of each author are in order, those of every
// other one complete, and all that is missing is known to be lost.
func (l *listener) ordered(authors, each int) (lost int) {
	l.t.Helper()
	next := make([]int, authors)
	got := l.heard()
	for _, n := range got {
		a, i := n/each, n%each
		if i < next[a] || a%2 == 0 && i != next[a] {
			l.t.Errorf("%s: number %d of author %d, after %d", l.at.Name(), i, a, next[a]-1)
			return 0
		}
		next[a] = i + 1
	}
	lost = int(l.sub.Lost())
	if len(got)+lost != authors*each {
		l.t.Errorf("%s: heard %d, lost %d, together %d", l.at.Name(), len(got), lost, len(got)+lost)
	}
	return lost
}
