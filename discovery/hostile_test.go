package discovery_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/discovery/internal/wire"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/resolver"
)

func TestAnswersThatDoNotStandUpToCheckingAreReported(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice := w.Start("alice")
		e, h := w.Endpoint("mallory")
		good := w.Sign(h, news("wanted"))
		var bodies [][]byte
		add := func(envelope []byte, expiration uint64) {
			b, err := proto.Marshal(&wire.Found{Envelope: envelope, ExpirationMs: expiration})
			if err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, b)
		}
		add([]byte(strings.Replace(string(good.Envelope()), "wanted", "forged", 1)), 1000)
		add(w.Sign(h, news("unasked")).Envelope(), 1000)
		add(nil, 1000)
		bodies = append(bodies, []byte("garbage"))
		add(good.Envelope(), 1<<63)
		add(good.Envelope(), 1000)
		add(w.Sign(h, &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Title", Text: "wanted"}, {Name: "Flash", Text: "!"}}}).Envelope(), 0)

		hostile := w.Resolver(e, h)
		hostile.Handle("discovery", resolver.HandlerFunc(func(w resolver.ResponseWriter, _ *resolver.Query) {
			for _, b := range bodies {
				_ = w.Respond(b)
			}
		}))
		if _, err := e.Connect(t.Context(), w.Info(alice)); err != nil {
			t.Fatal(err)
		}
		q := titled("wanted")
		q.From = e.ID()
		got, errs := search(t.Context(), alice, q)
		if len(got) != 2 || len(errs) != 4 || !errors.Is(errs[0], adv.ErrForged) {
			t.Errorf("found %v, errors %v", got, errs)
		}
		for _, err := range errs {
			if !strings.Contains(err.Error(), e.ID().String()) {
				t.Errorf("does not say whose answer: %v", err)
			}
		}
		if got := local(alice, discovery.Query{Kind: "News"}); fmt.Sprint(got) != "[wanted]" {
			t.Errorf("cached: %v", got)
		}
		if life, _, _ := alice.Net().Discovery().Times(good); life > adv.DefaultLifetime {
			t.Errorf("cached for %v", life)
		}
	})
}

func TestMalformedSearchesAreRefused(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice, bob := w.Start("alice"), w.Start("bob")
		if _, err := bob.Net().Connect(t.Context(), w.Info(alice)); err != nil {
			t.Fatal(err)
		}
		stars, err := proto.Marshal(&wire.Query{Attr: "Name", Value: strings.Repeat("*a", 30_000)})
		if err != nil {
			t.Fatal(err)
		}
		for _, body := range [][]byte{[]byte("garbage"), stars} {
			start := time.Now()
			for _, err := range bob.Net().Resolver().Query(t.Context(), alice.ID(), "discovery", body) {
				if !errors.Is(err, resolver.ErrHandler) {
					t.Errorf("%.10q: %v", body, err)
				}
			}
			if d := time.Since(start); d > time.Second {
				t.Errorf("took %v", d)
			}
		}
		if got, errs := search(t.Context(), bob, discovery.Query{Attr: "Name", Value: "\xff"}); len(got) > 0 || len(errs) != 1 {
			t.Errorf("not UTF-8: %v, %v", got, errs)
		}
	})
}

// A peer's address is learned from its advertisement, wherever that was found.
func TestFoundPeerCanBeReached(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, p := edges(w, 2)
		if _, err := p[0].Net().Ping(t.Context(), p[1].ID()); err == nil {
			t.Fatal("reached before anything is known of it")
		}
		for a, err := range p[0].Net().Discovery().Search(t.Context(), discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: p[1].Name()}) {
			if err != nil || a.Signer() != p[1].ID() {
				t.Errorf("%v, %v", a, err)
			}
		}
		if _, err := p[0].Net().Ping(t.Context(), p[1].ID()); err != nil {
			t.Error(err)
		}
		if len(p[0].Net().Neighbours()) != 2 {
			t.Error("no neighbours after a ping")
		}
	})
}
