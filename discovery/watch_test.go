package discovery_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// versioned makes documents whose versions replace each other.
func versioned(number int, title string) *adv.Document {
	d := news(title)
	d.Children = append(d.Children, &adv.Element{
		Name: "Id", Text: fmt.Sprintf("urn:jxta:uuid-59616261646162614E50472050325033%032X04", number),
	})
	return d
}

// diary is what a watcher has seen.
type diary struct {
	mu     sync.Mutex
	titles []string
}

// watch notes what comes, until ctx ends; it takes pause for each.
func (d *diary) watch(ctx context.Context, p *peer.Peer, pause time.Duration) {
	for a := range p.Net().Discovery().Watch(ctx, discovery.Query{Kind: "News"}) {
		d.mu.Lock()
		d.titles = append(d.titles, titleOf(a))
		d.mu.Unlock()
		time.Sleep(pause)
	}
}

// count returns how often each title came.
func (d *diary) count() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := map[string]int{}
	for _, title := range d.titles {
		n[title]++
	}
	return n
}

// A watcher that is far too slow misses versions that were replaced before it came to
// them, but nothing else, and sees nothing twice or in the wrong order.
func TestSlowWatcher(t *testing.T) {
	testnet.Run(t, 0, func(t *testing.T, w *testnet.World) {
		const docs, versions = 500, 3
		p := w.StartAs(rendezvous.Rendezvous, "alone")
		ctx, cancel := context.WithCancel(t.Context())
		var d diary
		var watching sync.WaitGroup
		watching.Go(func() { d.watch(ctx, p, time.Millisecond) })
		for v := range versions {
			for i := range docs {
				publish(t, p, versioned(i, fmt.Sprintf("%03d version %d", i, v)))
			}
		}
		time.Sleep(time.Minute)
		cancel()
		watching.Wait()
		count := d.count()
		for i := range docs {
			if last := fmt.Sprintf("%03d version %d", i, versions-1); count[last] != 1 {
				t.Errorf("%s came %d times", last, count[last])
			}
		}
		latest := map[string]string{}
		for _, title := range d.titles {
			if before := latest[title[:3]]; title <= before {
				t.Errorf("%s after %s", title, before)
			}
			latest[title[:3]] = title
		}
		if len(d.titles) == docs*versions {
			t.Error("it has missed nothing: the test has not tested anything")
		}
	})
}

// Every watcher sees all that is published, from several goroutines, exactly once.
func TestManyWatchers(t *testing.T) {
	testnet.Run(t, 0, func(t *testing.T, w *testnet.World) {
		const watchers, publishers, each = 40, 4, 50
		p := w.StartAs(rendezvous.Rendezvous, "alone")
		ctx, cancel := context.WithCancel(t.Context())
		diaries := make([]diary, watchers)
		var watching, publishing sync.WaitGroup
		for i := range diaries {
			watching.Go(func() { diaries[i].watch(ctx, p, 0) })
		}
		want := map[string]int{}
		for n := range publishers {
			for i := range each {
				want[fmt.Sprintf("%d.%d", n, i)] = 1
			}
			publishing.Go(func() {
				for i := range each {
					publish(t, p, news(fmt.Sprintf("%d.%d", n, i)))
				}
			})
		}
		publishing.Wait()
		synctest.Wait()
		cancel()
		watching.Wait()
		for i := range diaries {
			if got := diaries[i].count(); !maps.Equal(got, want) {
				t.Errorf("watcher %d has seen %d of %d", i, len(got), len(want))
			}
		}
	})
}

// A watcher ends with its group, also when nothing comes.
func TestWatchEndsWithTheGroup(t *testing.T) {
	testnet.Run(t, 0, func(t *testing.T, w *testnet.World) {
		p := w.Start("alone")
		publish(t, p, news("one"))
		ended := make(chan struct{})
		var d diary
		go func() { d.watch(t.Context(), p, 0); close(ended) }()
		synctest.Wait()
		w.Stop(p)
		<-ended
		if fmt.Sprint(d.titles) != "[one]" {
			t.Errorf("seen: %v", d.titles)
		}
	})
}

// Follow has what is there, then what comes, and new versions, from edges of other
// rendezvous too; at its limit it ends.
func TestFollow(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		a, b := apart(w)
		publish(t, a, versioned(1, "one"))
		publish(t, a, versioned(2, "two"))
		publish(t, a, &adv.Document{Name: "Olds", Children: []*adv.Element{{Name: "Title", Text: "not asked for"}}})
		var seen []string
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		later := []*adv.Document{versioned(3, "three"), versioned(1, "one again"), versioned(4, "four")}
		for f := range b.Net().Discovery().Follow(ctx, discovery.Query{Kind: "News", Limit: 5}) {
			seen = append(seen, titleOf(f))
			if len(seen) >= 2 && len(later) > 0 {
				publish(t, a, later[0])
				later = later[1:]
			}
		}
		slices.Sort(seen[:2])
		if fmt.Sprint(seen) != "[one two three one again four]" {
			t.Errorf("seen %q", seen)
		}
		if d := time.Since(begun); d > time.Second {
			t.Errorf("after %v", d)
		}
		n := 0
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range b.Net().Discovery().Follow(short, discovery.Query{Kind: "News"}) {
			n++
		}
		if n != 4 || short.Err() == nil {
			t.Errorf("again: %d, %v", n, short.Err())
		}
	})
}
