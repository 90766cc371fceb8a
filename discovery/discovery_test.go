package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

const latency = 20 * time.Millisecond

func news(title string) *adv.Document {
	return &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Title", Text: title}}}
}

func titled(title string) discovery.Query {
	return discovery.Query{Kind: "News", Attr: "Title", Value: title}
}

func titleOf(a *adv.Signed) string { return a.Advertisement().Element().Value("Title") }

func publish(t *testing.T, p *peer.Peer, a adv.Advertisement) *adv.Signed {
	t.Helper()
	s, err := p.Net().Discovery().Publish(t.Context(), a, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// search returns the titles found, sorted.
func search(ctx context.Context, p *peer.Peer, q discovery.Query) (found []string, errs []error) {
	for a, err := range p.Net().Discovery().Search(ctx, q) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, titleOf(a))
	}
	slices.Sort(found)
	return found, errs
}

// local returns the titles in the cache, in its order.
func local(p *peer.Peer, q discovery.Query) (found []string) {
	for a := range p.Net().Discovery().Local(q) {
		found = append(found, titleOf(a))
	}
	slices.Sort(found)
	return found
}

// meet makes two peers neighbours.
func meet(t *testing.T, a, b *peer.Peer) {
	t.Helper()
	if _, err := a.Net().FindPeer(t.Context(), b.ID().String()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Net().Ping(t.Context(), b.ID()); err != nil {
		t.Fatal(err)
	}
}

// edges starts a seed and peers that know only it.
func edges(w *testnet.World, n int) (seed *peer.Peer, all []*peer.Peer) {
	seed = w.Start("seed")
	for i := range n {
		all = append(all, w.Start(fmt.Sprintf("p%02d", i), seed))
	}
	w.Until(time.Second, "all are near the seed", func() bool { return len(seed.Net().Neighbours()) == n })
	return seed, all
}

func TestPublishedIsFoundAndCached(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		signed := publish(t, p[0], news("one"))
		if got := local(p[1], titled("*")); len(got) > 0 {
			t.Errorf("known before it was searched for: %v", got)
		}
		if got, errs := search(t.Context(), p[1], titled("o*")); fmt.Sprint(got) != "[one]" || len(errs) > 0 {
			t.Errorf("found %v, %v", got, errs)
		}
		if got := local(p[1], titled("one")); fmt.Sprint(got) != "[one]" {
			t.Errorf("cached: %v", got)
		}
		d := p[0].Net().Discovery()
		if err := d.Retract(t.Context(), signed); err != nil {
			t.Error(err)
		}
		if err := d.Retract(t.Context(), signed); !errors.Is(err, discovery.ErrNotFound) {
			t.Errorf("retracted twice: %v", err)
		}
		if err := p[1].Net().Discovery().Retract(t.Context(), signed); !errors.Is(err, discovery.ErrNotFound) {
			t.Errorf("a copy retracted: %v", err)
		}
		if n := p[1].Net().Discovery().Flush(titled("*")); n != 1 {
			t.Errorf("flushed %d", n)
		}
		if n := p[0].Net().Discovery().Flush(discovery.Query{}); n == 0 || len(local(p[0], discovery.Query{Kind: adv.KindPeer})) != 1 {
			t.Errorf("flushed %d, and our own advertisement", n)
		}
		if got, _ := search(t.Context(), p[1], titled("*")); len(got) > 0 {
			t.Errorf("found after it was retracted and flushed: %v", got)
		}
	})
}

// A copy of what we retracted comes back to us, but we do not spread it.
func TestRetractedIsNotCachedByItsPublisher(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		signed := publish(t, p[0], news("one"))
		_, _ = search(t.Context(), p[1], titled("one"))
		if err := p[0].Net().Discovery().Retract(t.Context(), signed); err != nil {
			t.Fatal(err)
		}
		meet(t, p[0], p[1])
		copies := titled("one")
		copies.From = p[1].ID()
		if got, errs := search(t.Context(), p[0], copies); len(got) != 1 || len(errs) > 0 {
			t.Errorf("found %v, %v", got, errs)
		}
		if got := local(p[0], titled("one")); len(got) > 0 {
			t.Error("cached")
		}
	})
}

// What is published is found as long as it is published, however long that is, and
// others may keep it for half of its expiration at least.
func TestPublicationOutlivesItsExpiration(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		signed, err := p[0].Net().Discovery().Publish(t.Context(), news("one"), 0, 8*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		if got, _ := search(t.Context(), p[1], titled("one")); len(got) != 1 {
			t.Errorf("found %v after 20 min", got)
		}
		if _, left, ok := p[1].Net().Discovery().Times(signed); !ok || left < 4*time.Minute-2*time.Second {
			t.Errorf("the copy has %v left, %v", left, ok)
		}
	})
}

// What is in the index, and in the cache of another peer, is handed on with what is
// left of its time.
func TestCopyIsHandedOnWithWhatIsLeftOfItsTime(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, p := edges(w, 3)
		a, err := p[0].Net().Discovery().Publish(t.Context(), news("one"), time.Hour, 10*time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = search(t.Context(), seed, titled("one"))
		w.Stop(p[0])
		time.Sleep(4 * time.Minute)
		fromSeed := titled("one")
		fromSeed.From = seed.ID()
		for i, q := range map[int]discovery.Query{1: titled("one"), 2: fromSeed} {
			if got, errs := search(t.Context(), p[i], q); len(got) != 1 {
				t.Fatalf("%+v: not handed on: %v", q, errs)
			}
			if _, left, _ := p[i].Net().Discovery().Times(a); left < 6*time.Minute-time.Second || left > 6*time.Minute {
				t.Errorf("%+v: %v left, want 6 min", q, left)
			}
		}
		time.Sleep(6 * time.Minute)
		for i, q := range map[int]discovery.Query{1: titled("one"), 2: fromSeed} {
			if got, _ := search(t.Context(), p[i], q); len(got) > 0 {
				t.Errorf("%+v: found after it has expired everywhere", q)
			}
		}
	})
}

func TestNewVersionReplacesTheOld(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		const urn = "urn:jxta:uuid-59616261646162614E504720503250330000000000000000000000000000000104"
		version := func(title string) *adv.Document {
			d := news(title)
			d.Children = append(d.Children, &adv.Element{Name: "Id", Text: urn})
			return d
		}
		if _, err := p[1].Net().FindPeer(t.Context(), p[0].Name()); err != nil { // From takes whom we know
			t.Fatal(err)
		}
		var watched []string
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for a := range p[1].Net().Discovery().Watch(ctx, discovery.Query{Kind: "News"}) {
				watched = append(watched, titleOf(a))
			}
		}()
		for _, title := range []string{"a", "b", "c"} { // in the same millisecond
			publish(t, p[0], version(title))
			if got, errs := search(t.Context(), p[1], discovery.Query{Kind: "News", From: p[0].ID()}); fmt.Sprint(got) != "["+title+"]" {
				t.Errorf("found %v, %v", got, errs)
			}
		}
		time.Sleep(time.Second)
		cancel()
		<-done
		if fmt.Sprint(watched) != "[a b c]" {
			t.Errorf("watched %v", watched)
		}
		var publishing sync.WaitGroup
		for range 20 {
			publishing.Go(func() { publish(t, p[0], version("x")) }) // none may fail
		}
		publishing.Wait()
	})
}

func TestLimitAndFrom(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 3)
		for i := range 20 {
			publish(t, p[i%2], news(fmt.Sprintf("%d", i)))
		}
		for _, limit := range []int{1, 7, 20, 30} {
			if got, errs := search(t.Context(), p[2], discovery.Query{Kind: "News", Limit: limit}); len(got) != min(limit, 20) || len(errs) > 0 {
				t.Errorf("limit %d: %v, %v", limit, got, errs)
			}
			if n := len(slices.Collect(p[2].Net().Discovery().Local(discovery.Query{Limit: 1}))); n != 1 {
				t.Errorf("local, limit 1: %d", n)
			}
			p[2].Net().Discovery().Flush(titled("*"))
		}
		for _, from := range p[:2] {
			if _, err := p[2].Net().FindPeer(t.Context(), from.ID().String()); err != nil {
				t.Fatal(err)
			}
			got, errs := search(t.Context(), p[2], discovery.Query{Kind: "News", From: from.ID()})
			if len(got) != 10 || len(errs) > 0 {
				t.Errorf("from %s: %v, %v", from.Name(), got, errs)
			}
		}
		if got, errs := search(t.Context(), p[0], discovery.Query{Kind: "News", From: p[0].ID()}); len(got) != 10 || len(errs) > 0 {
			t.Errorf("from ourselves: %v, %v", got, errs)
		}
		if _, errs := search(t.Context(), p[0], discovery.Query{From: id.PeerOf(id.Net, make([]byte, 32))}); len(errs) != 1 {
			t.Errorf("from nobody: %v", errs)
		}
	})
}

func TestThirtyPeersFindEverything(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 30)
		for i := range 300 {
			publish(t, p[i%30], news(fmt.Sprintf("p%02d-%d", i%30, i/30)))
		}
		start := time.Now()
		got, errs := search(t.Context(), p[29], titled("*"))
		if len(got) != 300 || len(errs) > 0 {
			t.Errorf("found %d, %v", len(got), errs)
		}
		t.Logf("all found in %v", time.Since(start))
		for i := range 300 {
			title := fmt.Sprintf("p%02d-%d", i%30, i/30)
			if got, errs := search(t.Context(), p[i%29], titled(title)); len(got) != 1 || got[0] != title || len(errs) > 0 {
				t.Fatalf("%s: %v, %v", title, got, errs)
			}
		}
	})
}

func TestAwaitWakesWhenItIsPublished(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		time.AfterFunc(10*time.Second, func() { publish(t, p[0], news("late")) })
		start := time.Now()
		a, err := p[1].Net().Discovery().Await(t.Context(), titled("late"))
		if err != nil || titleOf(a) != "late" {
			t.Fatal(a, err)
		}
		if d := time.Since(start); d < 10*time.Second || d > 10*time.Second+8*latency {
			t.Errorf("after %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = p[1].Net().Discovery().Await(ctx, titled("never"))
		if !errors.Is(err, discovery.ErrNotFound) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("never published: %v", err)
		}
		time.AfterFunc(time.Second, func() { _ = p[1].Close() })
		if _, err = p[1].Net().Discovery().Await(t.Context(), titled("never")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed meanwhile: %v", err)
		}
	})
}

func TestPublishRefuses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		p, other := w.Start("alice"), w.Start("bob")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d := p.Net().Discovery()
		if _, err := d.Publish(ctx, news("x"), 0, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("context ended: %v", err)
		}
		if _, err := d.Publish(t.Context(), other.Net().Self().Advertisement(), 0, 0); !errors.Is(err, discovery.ErrForeign) {
			t.Errorf("another peer's: %v", err)
		}
		if _, err := d.Publish(t.Context(), news(strings.Repeat("x", adv.MaxText+1)), 0, 0); !errors.Is(err, adv.ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
	})
}
