package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	startSpread   = 10 * time.Second // over which all are started
	completeMost  = 5 * time.Minute  // for which complete views are waited for
	churnShare    = 0.01             // of the peers that go in a minute; as many come
	churnShort    = 0.1              // the same in a hurry
	completeTicks = 100 * time.Millisecond
)

// crowd is a group of rendezvous that come and go.
type crowd struct {
	*stage
	seeds   []*peer.Peer
	living  []*peer.Peer
	count   int              // of all that ever lived
	dead    map[id.Peer]bool // all that live no more
	leaving sync.WaitGroup
	changes []*change // that not all know of
	known   []float64 // seconds until all knew of a change
}

// change is one that came or went.
type change struct {
	who  id.Peer
	came bool
	at   time.Time
}

// peerview sees how soon n rendezvous know each other, and how well they do while some
// come and others go.
func peerview(st *stage) {
	c := &crowd{stage: st, dead: map[id.Peer]bool{}}
	for range min(st.o.seeds, st.n/2) {
		c.seeds = append(c.seeds, c.start())
	}
	for len(c.living) < st.n {
		c.Pass(startSpread / time.Duration(st.n))
		c.start()
		if len(c.living)%50 == 0 {
			st.say("%d are started, with %.0f connections each", len(c.living), c.connections())
		}
	}
	st.figure("complete", c.complete(), "s").atMost(60)
	st.figure("complete-connections", c.connections(), "/peer")
	if c.o.quiet > 0 {
		c.quiet()
	}
	if c.o.churn > 0 {
		c.churn()
	}
	c.leaving.Wait()
}

// start starts one more.
func (c *crowd) start() *peer.Peer {
	cfg := &peer.Config{Name: fmt.Sprintf("rdv%d", c.count), Role: rendezvous.Rendezvous, NoDHT: true}
	for _, s := range c.seeds {
		cfg.Seeds = append(cfg.Seeds, s.Addrs()...)
	}
	p := c.StartConfig(cfg)
	c.count++
	c.living = append(c.living, p)
	return p
}

// complete returns after how many seconds every view is complete, NaN for never.
func (c *crowd) complete() float64 {
	begun := time.Now()
	left := slices.Clone(c.living)
	for said := begun; time.Since(begun) < completeMost; c.Pass(completeTicks) {
		left = slices.DeleteFunc(left, c.isComplete)
		if len(left) == 0 {
			if left = slices.DeleteFunc(slices.Clone(c.living), c.isComplete); len(left) == 0 {
				c.say("every view is complete")
				return time.Since(begun).Seconds()
			}
		}
		if time.Since(said) >= 5*time.Second {
			said = time.Now()
			c.say("%d views are not complete, such as one of %d", len(left), len(status(left[0]).Members))
		}
	}
	return math.NaN()
}

func (c *crowd) isComplete(p *peer.Peer) bool { return len(status(p).Members) == len(c.living) }

// quiet sees what it costs that nothing happens.
func (c *crowd) quiet() {
	before := c.spent()
	c.Pass(c.o.quiet)
	c.traffic("quiet", before, c.o.quiet)
	s := c.sample()
	c.figure("quiet-present", s.present, "of pairs").atLeast(1)
	c.figure("quiet-connections", c.connections(), "/peer")
	c.say("quiet is over")
}

// churn has some go and others come, and sees each second who knows whom.
func (c *crowd) churn() {
	share := churnShare
	if c.o.quick {
		share = churnShort
	}
	pause := time.Duration(float64(time.Minute) / (share * float64(c.n)))
	before, begun := c.spent(), time.Now()
	next := begun.Add(pause)
	var present, ghosts []float64
	for i := 0; time.Since(begun) < c.o.churn; {
		c.Pass(time.Second)
		for ; !next.After(time.Now()); next = next.Add(pause) {
			c.exchange(i%2 == 0)
			i++
		}
		s := c.sample()
		present, ghosts = append(present, s.present), append(ghosts, s.ghosts)
		if len(present)%60 == 0 {
			c.say("under churn: %.5f present, %.5f ghosts, %d have gone", mean(present), mean(ghosts), i)
		}
	}
	c.traffic("churn", before, c.o.churn)
	c.figure("churn-connections", c.connections(), "/peer")
	c.figure("churn-present-mean", mean(present), "of pairs").atLeast(0.99)
	c.figure("churn-present-min", slices.Min(present), "of pairs")
	c.figure("churn-ghosts-mean", mean(ghosts), "of pairs")
	c.figure("churn-ghosts-max", slices.Max(ghosts), "of pairs")
	c.figure("churn-known-p50", percentile(c.known, 50), "s")
	c.figure("churn-known-max", percentile(c.known, 100), "s")
	c.figure("churn-healed", c.complete(), "s")
}

// exchange has one go, by death or with a farewell, and another one come.
func (c *crowd) exchange(die bool) {
	i := len(c.seeds) + rand.IntN(len(c.living)-len(c.seeds))
	p := c.living[i]
	c.living = slices.Delete(c.living, i, i+1)
	c.dead[p.ID()] = true
	c.leaving.Go(func() {
		if die {
			c.Kill(p)
		} else {
			c.Stop(p)
		}
	})
	come := c.start()
	now := time.Now()
	c.changes = append(c.changes, &change{p.ID(), false, now}, &change{come.ID(), true, now})
}

// sample is who knows whom.
type sample struct {
	present float64 // share of pairs of a living one and another that it knows
	ghosts  float64 // and of one that is dead, in the same units
}

func (c *crowd) sample() sample {
	knownTo := map[id.Peer]int{} // by how many others
	for _, p := range c.living {
		for _, m := range status(p).Members {
			if !m.Self {
				knownTo[m.ID]++
			}
		}
	}
	var s sample
	for _, p := range c.living {
		s.present += float64(knownTo[p.ID()])
	}
	for who := range c.dead {
		s.ghosts += float64(knownTo[who])
	}
	pairs := float64(len(c.living) * (len(c.living) - 1))
	c.changes = slices.DeleteFunc(c.changes, func(x *change) bool {
		if x.came && knownTo[x.who] < len(c.living)-1 && !c.dead[x.who] || !x.came && knownTo[x.who] > 0 {
			return false
		}
		c.known = append(c.known, time.Since(x.at).Seconds())
		return true
	})
	return sample{s.present / pairs, s.ghosts / pairs}
}

// spent is what was spent until now.
type spent struct {
	bytes uint64
	peers map[id.Peer]uint64 // notices of each
}

func (c *crowd) spent() spent {
	s := spent{bytes: c.Net.Stats().BytesTotal, peers: map[id.Peer]uint64{}}
	for _, p := range c.living {
		s.peers[p.ID()] = status(p).Traffic.Notices
	}
	return s
}

// traffic adds what was spent since, for each peer in a minute. Those that have gone
// have taken their count of notices with them.
func (c *crowd) traffic(name string, since spent, d time.Duration) {
	now := c.spent()
	notices := uint64(0)
	for who, n := range now.peers {
		notices += n - since.peers[who]
	}
	each := float64(c.n) * d.Minutes()
	c.figure(name+"-traffic", float64(now.bytes-since.bytes)/each/1024, "KiB/peer/min")
	c.figure(name+"-notices", float64(notices)/each, "/peer/min")
}

// connections is how many each has.
func (c *crowd) connections() float64 { return float64(c.Net.Stats().Conns) / float64(len(c.living)) }

func status(p *peer.Peer) *rendezvous.Status { return p.Net().Rendezvous().Status() }
