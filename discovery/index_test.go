package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// apart starts two rendezvous and an edge of each.
func apart(w *testnet.World) (a, b *peer.Peer) {
	w.T.Helper()
	r := w.StartAs(rendezvous.Rendezvous, "r")
	s := w.StartAs(rendezvous.Rendezvous, "s", r)
	w.Until(10*time.Second, "they know each other", func() bool {
		return len(r.Net().Rendezvous().Status().Members) == 2 && len(s.Net().Rendezvous().Status().Members) == 2
	})
	a, b = w.StartAs(rendezvous.Edge, "a", r), w.StartAs(rendezvous.Edge, "b", s)
	for _, p := range []*peer.Peer{a, b} {
		if err := p.Net().Rendezvous().Settle(w.T.Context()); err != nil {
			w.T.Fatal(err)
		}
	}
	return a, b
}

// When Publish returns, anybody finds it, whatever he asks and whomever he asks; and
// when Retract does, nobody.
func TestFoundAsSoonAsItIsPublished(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		a, b := apart(w)
		d := b.Net().Discovery()
		for i := range 20 {
			title := fmt.Sprintf("t%d", i)
			doc := news(title)
			doc.Children = append(doc.Children, &adv.Element{Name: "Price", Text: fmt.Sprint(100 + i)})
			signed := publish(t, a, doc)
			price := &adv.Range{Min: float64(100 + i), Max: float64(100 + i)}
			queries := []discovery.Query{
				titled(title), titled("t*" + title[1:]), {Kind: "News", Attr: "Price", Range: price}, {Kind: adv.KindAdv, Attr: "Title"},
			}
			for _, q := range queries {
				if got, errs := search(t.Context(), b, q); fmt.Sprint(got) != "["+title+"]" || len(errs) > 0 {
					t.Errorf("%+v: %v, %v", q, got, errs)
				}
				d.Flush(q)
			}
			if err := a.Net().Discovery().Retract(t.Context(), signed); err != nil {
				t.Error(err)
			}
			for _, q := range queries {
				if got, errs := search(t.Context(), b, q); len(got) > 0 || len(errs) > 0 {
					t.Errorf("%+v, retracted: %v, %v", q, got, errs)
				}
			}
		}
	})
}

// Without a rendezvous, what is published is kept, and put into the index when there
// is one.
func TestPublishedBeforeThereIsAnIndex(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.StartAs(rendezvous.Edge, "seed")
		a, b := w.StartAs(rendezvous.Edge, "a", seed), w.StartAs(rendezvous.Edge, "b", seed)
		publish(t, a, news("early"))
		if got := local(a, titled("early")); len(got) != 1 {
			t.Error("not kept")
		}
		if got, errs := search(t.Context(), b, titled("early")); len(got) > 0 || len(errs) != 1 || !errors.Is(errs[0], rendezvous.ErrNoRendezvous) {
			t.Errorf("found %v, %v", got, errs)
		}
		if err := seed.Net().Rendezvous().SetRole(rendezvous.Rendezvous); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := b.Net().Discovery().Await(t.Context(), titled("early")); err != nil {
			t.Error(err)
		}
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("after %v", d)
		}
	})
}

// What was published outlives its process, for as long as it has to live; so does
// what was found, but not what was taken back.
func TestRestart(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.StartAs(rendezvous.Rendezvous, "seed")
		b := w.StartAs(rendezvous.Edge, "b", seed)
		home := &peer.Config{Name: "a", Dir: t.TempDir(), Seeds: seed.Addrs(), Role: rendezvous.Edge, NoDHT: true}
		a := w.StartConfig(home)
		for title, lifetime := range map[string]time.Duration{"ours": 0, "short": 10 * time.Minute} {
			if _, err := a.Net().Discovery().Publish(t.Context(), news(title), lifetime, 10*time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		retracted := publish(t, a, news("retracted"))
		if err := a.Net().Discovery().Retract(t.Context(), retracted); err != nil {
			t.Fatal(err)
		}
		for title, expiration := range map[string]time.Duration{"theirs": time.Hour, "expired": 10 * time.Minute} {
			if _, err := b.Net().Discovery().Publish(t.Context(), news(title), 0, expiration); err != nil {
				t.Fatal(err)
			}
		}
		if got, errs := search(t.Context(), a, titled("*")); len(got) != 4 || len(errs) > 0 {
			t.Fatalf("found %v, %v", got, errs)
		}
		w.Stop(a)
		time.Sleep(20 * time.Minute) // the index forgets it meanwhile
		if got, _ := search(t.Context(), b, titled("ours")); len(got) > 0 {
			t.Fatal("the index has what nobody renews")
		}

		again := w.StartConfig(home)
		if got := local(again, titled("*")); fmt.Sprint(got) != "[ours theirs]" {
			t.Errorf("after 20 min it has %v", got)
		}
		if got, errs := search(t.Context(), again, titled("expired")); len(got) != 1 || len(errs) > 0 {
			t.Errorf("found %v, %v", got, errs) // and its publisher is there still
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Net().Discovery().Await(ctx, titled("ours")); err != nil {
			t.Errorf("not published again: %v", err)
		}
		for _, title := range []string{"retracted", "short"} {
			if got, _ := search(t.Context(), b, titled(title)); len(got) > 0 {
				t.Errorf("%s was published again", title)
			}
		}
		if err := again.Net().Discovery().Retract(t.Context(), find(t, again, titled("ours"))); err != nil {
			t.Errorf("what the process before has published: %v", err)
		}
		b.Net().Discovery().Flush(titled("*"))
		if got, _ := search(t.Context(), b, titled("ours")); len(got) > 0 {
			t.Error("found after it was retracted")
		}
	})
}

func find(t *testing.T, p *peer.Peer, q discovery.Query) *adv.Signed {
	t.Helper()
	for a := range p.Net().Discovery().Local(q) {
		return a
	}
	t.Fatalf("%+v: not there", q)
	return nil
}

// A file that is no store is not overwritten: the error says which.
func TestDamagedStore(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		home := &peer.Config{Name: "a", Dir: t.TempDir(), Listen: []string{}, NoDHT: true}
		w.Stop(w.StartConfig(home))
		files, err := filepath.Glob(filepath.Join(home.Dir, "*.db"))
		if err != nil || len(files) != 1 {
			t.Fatalf("stores: %v, %v", files, err)
		}
		junk := strings.Repeat("junk", 4096)
		if err := os.WriteFile(files[0], []byte(junk), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := peer.Start(t.Context(), home)
		if err == nil {
			w.Stop(p)
			t.Fatal("started")
		}
		if !strings.Contains(err.Error(), files[0]) {
			t.Errorf("does not name the file: %v", err)
		}
		if kept, err := os.ReadFile(files[0]); err != nil || string(kept) != junk {
			t.Errorf("overwritten: %v", err)
		}
	})
}
