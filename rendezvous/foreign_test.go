package rendezvous_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// newKey makes a key that is no peer's.
func newKey(t *testing.T) (crypto.PrivKey, ed25519.PublicKey) {
	t.Helper()
	key, pub, err := crypto.GenerateEd25519Key(nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := pub.Raw()
	if err != nil {
		t.Fatal(err)
	}
	return key, raw
}

func signAs(t *testing.T, key crypto.PrivKey, a adv.Advertisement) *adv.Signed {
	t.Helper()
	s, err := adv.Sign(key, a, uint64(time.Now().UnixMilli()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// rooted makes a group with a root key.
func rooted(root ed25519.PublicKey, name string) *adv.Group {
	nonce := make([]byte, id.NonceLen)
	return &adv.Group{GID: id.GroupOf(root, name, nonce), MSID: id.SpecStdGroup, Name: name, RootKey: root, Nonce: nonce}
}

// opaque makes a sealed document.
func opaque(about id.ID, text string) *adv.Document {
	return &adv.Document{Name: "jxta:Sealed", Children: []*adv.Element{{Name: "Id", Text: about.String()}, {Name: "Name", Text: text}}}
}

func publishSigned(p *peer.Peer, a *adv.Signed) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return p.Net().Rendezvous().Publish(ctx, a, time.Hour, 4*time.Minute)
}

// Anybody publishes, and who has the key takes back, what no peer has signed.
func TestPublishingForOthers(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 2, 3, 0)
		x.rest()
		key, root := newKey(t)
		one, _ := newKey(t)
		two, _ := newKey(t)
		about := id.NewCodat(id.Net)
		group := signAs(t, key, rooted(root, "chess"))
		sealed := []*adv.Signed{signAs(t, one, opaque(about, "one")), signAs(t, two, opaque(about, "two"))}
		groups := rendezvous.Query{Pattern: adv.Pattern{Kind: adv.KindGroup, Attr: "Name", Value: "chess"}}
		opaques := rendezvous.Query{Pattern: adv.Pattern{Kind: "jxta:Sealed", Attr: "Id", Value: about.String()}}
		for _, p := range []*peer.Peer{x.edges[0], x.rdvs[0]} { // an edge, and a rendezvous itself
			before := status(p).Published
			for _, a := range append(sealed, group) {
				if err := publishSigned(p, a); err != nil {
					t.Fatalf("%v at %s: %v", a, p.Name(), err)
				}
			}
			if n := status(p).Published - before; n != 3 {
				t.Errorf("%d on the shelf of %s", n, p.Name())
			}
		}
		x.everywhere(t, "the group", groups, "chess")
		x.everywhere(t, "what two have sealed under one ID", opaques, "one", "two")
		if err := x.edges[0].Net().Rendezvous().Disconnect(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute) // it has another lease since, and what expired is published again
		x.everywhere(t, "later", opaques, "one", "two")
		for _, p := range []*peer.Peer{x.edges[1], x.edges[0], x.rdvs[0]} { // of whom the first has not published it
			a, err := adv.Withdraw(one, opaque(about, "one"), uint64(time.Now().UnixMilli()))
			if err == nil {
				err = p.Net().Rendezvous().Retract(t.Context(), a)
			}
			if err != nil {
				t.Errorf("retract at %s: %v", p.Name(), err)
			}
		}
		time.Sleep(time.Second)
		x.everywhere(t, "of the two one is taken back", opaques, "two")
	})
}

// An edge publishes nothing else that is not its own, nor more of it than it may.
func TestForeignPublicationsAreLimited(t *testing.T) {
	siege(t, 1, func(t *testing.T, x *world, m *mallory) {
		key, root := newKey(t)
		other, _ := newKey(t)
		nameless := &adv.Document{Name: "jxta:Sealed", Children: []*adv.Element{{Name: "Name", Text: "no ID"}}}
		garbled := &adv.Document{Name: "jxta:Sealed", Children: []*adv.Element{{Name: "Id", Text: "urn:jxta:garbled"}}}
		free := &adv.Group{GID: id.GroupOf(root, "free", nil), MSID: id.SpecStdGroup, Name: "free"}
		lookalike := &adv.Document{Name: "Sealed", Children: opaque(id.NewCodat(id.Net), "x").Children}
		for what, c := range map[string]struct {
			key crypto.PrivKey
			doc adv.Advertisement
			ok  bool
		}{
			"a group of its root":          {key, rooted(root, "ours"), true},
			"a group without a root":       {key, free, false},
			"that, by itself":              {m.w.Key(m.host), free, true},
			"a sealed document":            {other, opaque(id.NewCodat(id.Net), "x"), true},
			"one without an ID":            {other, nameless, false},
			"one without a real ID":        {other, garbled, false},
			"another document":             {other, news(700), false},
			"one that sounds like it":      {other, lookalike, false},
			"somebody's pipe":              {other, &adv.Pipe{PipeID: id.PipeOf(id.Net, id.Peer{}, "p"), PipeType: adv.Unicast, Name: "p"}, false},
			"a module class":               {other, &adv.ModuleClass{MCID: id.NewModuleClass(), Name: "c"}, false},
			"a sealed document, by itself": {m.w.Key(m.host), opaque(id.NewCodat(id.Net), "x"), true},
		} {
			e := &wire.Entry{Envelope: signAs(t, c.key, c.doc).Envelope(), ExpirationMs: 60_000}
			refused, err := m.publish(m.lease(), e)
			if err != nil || (len(refused) == 0) != c.ok || !c.ok && refused[0].GetReason() != wire.Refused_INVALID {
				t.Errorf("%s: %v, %v", what, refused, err)
			}
			withdrawn, err := adv.Withdraw(c.key, c.doc, uint64(time.Now().UnixMilli()+1))
			if err != nil {
				t.Fatal(err)
			}
			refused, err = m.publish(m.lease(), &wire.Entry{Envelope: withdrawn.Envelope(), ExpirationMs: 60_000})
			if err != nil || (len(refused) == 0) != c.ok {
				t.Errorf("%s, taken back: %v, %v", what, refused, err)
			}
		}
		flood := func(n int, text string) (taken int) {
			st := m.lease()
			for range n {
				k, _ := newKey(t)
				e := &wire.Entry{Envelope: signAs(t, k, opaque(id.NewCodat(id.Net), text)).Envelope(), ExpirationMs: 60_000}
				refused, err := m.publish(st, e)
				if err != nil || len(refused) > 0 && refused[0].GetReason() != wire.Refused_QUOTA {
					t.Fatalf("%v, %v", refused, err)
				}
				taken += 1 - len(refused)
			}
			return taken
		}
		if n := flood(300, "many"); n != 256 {
			t.Errorf("%d were taken", n)
		}
		time.Sleep(2 * time.Minute)
		if n := flood(150, strings.Repeat("x", 15_000)); n < 130 || n > 139 {
			t.Errorf("%d large ones were taken", n)
		}
	})
}

func TestForeignQuotaOfARendezvousItself(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := start(w, "seed", rendezvous.Rendezvous)
		e := start(w, "edge", rendezvous.Edge, seed)
		settle(t, seed, e)
		stranger, _ := newKey(t)
		for _, p := range []*peer.Peer{seed, e} {
			for i := range 257 {
				key, _ := newKey(t)
				err := publishSigned(p, signAs(t, key, opaque(id.NewCodat(id.Net), fmt.Sprint(i))))
				if i < 256 && err != nil || i == 256 && !errors.Is(err, rendezvous.ErrQuota) {
					t.Fatalf("%s, %d: %v", p.Name(), i, err)
				}
			}
			if err := publishSigned(p, signAs(t, stranger, news(1))); err == nil {
				t.Errorf("%s: somebody else's was published", p.Name())
			}
			publish(t, p, news(2), 0, 0)
		}
	})
}

// notes is a Finder that finds nobody, and notes what it is asked.
type notes struct {
	mu    sync.Mutex
	asked []string
}

func (n *notes) note(what string, g id.Group) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if line := what + " " + g.String(); !slices.Contains(n.asked, line) {
		n.asked = append(n.asked, line)
	}
}

func (n *notes) FindRendezvous(_ context.Context, g id.Group, _ int) iter.Seq[hostid.AddrInfo] {
	n.note("find", g)
	return func(func(hostid.AddrInfo) bool) {}
}

func (n *notes) Announce(g id.Group, on bool) { n.note(fmt.Sprint("announce ", on), g) }

func TestBeacon(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, h := w.Endpoint("other")
		for _, beacon := range []id.Group{{}, id.GroupOf(make([]byte, 32), "beacon", nil)} {
			ep, host := w.Endpoint("alone")
			if _, err := ep.Connect(t.Context(), hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}); err != nil {
				t.Fatal(err) // with nobody near it would not ask
			}
			n := &notes{}
			s := rendezvous.New(&rendezvous.Config{Key: w.Key(host), Endpoint: ep, Role: rendezvous.Edge, Finder: n, Beacon: beacon})
			time.Sleep(time.Minute)
			if err := s.SetRole(rendezvous.Rendezvous); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Minute)
			_ = s.Close()
			name := beacon.String()
			if beacon.IsZero() {
				name = ep.Group().String()
			}
			want := []string{"find " + name, "announce true " + name, "announce false " + name}
			if !slices.Equal(n.asked, want) {
				t.Errorf("%q, want %q", n.asked, want)
			}
		}
	})
}
