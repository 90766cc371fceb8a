package group_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/metrics"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// wiretap hears by which protocols a host carries bytes.
type wiretap struct {
	metrics.Reporter // nil: nobody asks it for sums
	mu               sync.Mutex
	names            map[protocol.ID]bool
}

func (w *wiretap) note(p protocol.ID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[p] = true
}

func (w *wiretap) LogSentMessage(int64) {}
func (w *wiretap) LogRecvMessage(int64) {}

func (w *wiretap) LogSentMessageStream(_ int64, p protocol.ID, _ hostid.ID) { w.note(p) }
func (w *wiretap) LogRecvMessageStream(_ int64, p protocol.ID, _ hostid.ID) { w.note(p) }

// carried are the names of all that it has heard.
func (w *wiretap) carried() (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.names {
		all = append(all, string(name))
	}
	return all
}

// startTapped starts a rendezvous whose protocols are heard.
func startTapped(t *testing.T, w *testnet.World) (*peer.Peer, *wiretap) {
	t.Helper()
	tap := &wiretap{names: map[protocol.ID]bool{}}
	at := netip.MustParseAddr("10.200.0.1")
	p, err := peer.Start(t.Context(), &peer.Config{
		Name: "seed", Role: rendezvous.Rendezvous, NoDHT: true, Listen: []string{fmt.Sprintf("/ip4/%s/tcp/4001", at)},
		Stack: []libp2p.Option{libp2p.Transport(w.Net.Transport(at)), libp2p.NoSecurity, libp2p.BandwidthReporter(tap)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, tap
}

// What the group's members do is nothing that the rendezvous sees whose index the group is
// found in.
func TestRendezvousThatIsNoMember(t *testing.T) {
	var tap *wiretap
	s := &siege{startSeed: func(t *testing.T, w *testnet.World) (p *peer.Peer) {
		p, tap = startTapped(t, w)
		return p
	}}
	s.run(t, func(t *testing.T, s *siege) {
		hidden := s.beBusy()
		seen := searchAll(t, s.seed.Net(), discovery.Query{})
		for a := range s.seed.Net().Discovery().Local(discovery.Query{}) {
			seen = append(seen, a)
		}
		kinds := map[string]int{}
		for _, a := range seen {
			kinds[a.Advertisement().Type()]++
			s.harmless(a)
			for what, secret := range hidden {
				if bytes.Contains(a.Envelope(), secret) || bytes.Contains(a.XML(), secret) {
					t.Errorf("%s has %s:\n%s", a, what, a.XML())
				}
			}
		}
		for _, kind := range []string{"jxta:PA", "jxta:PGA", "jxta:Sealed", "jxta:Beacon"} {
			if kinds[kind] == 0 {
				t.Errorf("the walk has not found any %s", kind)
			}
		}
		t.Logf("documents: %v", kinds)
		s.nameless(tap)
	})
}

// beBusy has the members do all that there is to do, and returns what nobody else may see.
func (s *siege) beBusy() map[string][]byte {
	s.t.Helper()
	ctx := s.t.Context()
	carol, gc := s.member("carol")
	unused := s.invite(&group.InvitationConfig{Role: membership.Admin})
	for _, g := range []*group.Group{s.ga, s.gb, gc} {
		ln, err := g.Pipe().Listen(ctx, "zugzwang")
		if err != nil {
			s.t.Fatal(err)
		}
		s.closers = append(s.closers, ln)
		doc := &adv.Document{Name: "Opening", Children: []*adv.Element{{Name: "Id", Text: id.NewCodat(id.Net).String()}, {Name: "Name", Text: "najdorf"}}}
		if _, err := g.Discovery().Publish(ctx, doc, 0, 0); err != nil {
			s.t.Fatal(err)
		}
		if err := g.Rendezvous().Propagate(ctx, "fianchetto", []byte("en passant")); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.admin().Revoke(ctx, carol.ID(), "stalemate"); err != nil {
		s.t.Fatal(err)
	}
	s.unharmed("busy")
	s.w.Pass(time.Minute)
	hidden := map[string][]byte{
		"the password": []byte(password), "the name of a pipe": []byte("zugzwang"), "the name of another": []byte("moves"),
		"a document": []byte("najdorf"), "a topic": []byte("fianchetto"), "a message": []byte("en passant"),
		"the reason of a revocation": []byte("stalemate"), "the secret": s.secret, "the secret in hex": []byte(hex.EncodeToString(s.secret)),
		"the secret in base64": []byte(base64.StdEncoding.EncodeToString(s.secret)), "an invitation": []byte(unused.Token.String()),
		"the pseudonym's key": unused.Token.Key().Seed(),
	}
	for _, g := range []*group.Group{s.ga, s.gb, gc} {
		credential := g.Self().Advertisement().(*adv.Peer).Credential
		hidden["the credential of "+g.Self().String()] = credential
		hidden["the same in base64 of "+g.Self().String()] = []byte(base64.StdEncoding.EncodeToString(credential)[:64])
	}
	return hidden
}

// harmless fails the test for what does not belong into the net group.
func (s *siege) harmless(a *adv.Signed) {
	s.t.Helper()
	switch doc := a.Advertisement().(type) {
	case *adv.Peer:
		if doc.GID != id.Net || len(doc.Credential) > 0 {
			s.t.Errorf("an advertisement in the group:\n%s", a.XML())
		}
	case *adv.Rdv:
		if doc.GID != id.Net {
			s.t.Errorf("a rendezvous of the group:\n%s", a.XML())
		}
	case *adv.Group:
		if doc.GID != s.ga.ID() {
			s.t.Errorf("another group: %s", a)
		}
		return
	case *adv.Document:
		if doc.Name != "jxta:Sealed" && doc.Name != "jxta:Beacon" {
			s.t.Errorf("a document:\n%s", a.XML())
		}
		data, _ := base64.StdEncoding.DecodeString(doc.Element().Value("Data"))
		if bytes.Contains(data, []byte("chess")) || bytes.Contains(data, s.ga.ID().Bytes()) {
			s.t.Errorf("it is not sealed:\n%s", a.XML())
		}
	default:
		s.t.Errorf("a %s:\n%s", a.Advertisement().Type(), a.XML())
	}
	if u := s.ga.ID().UUID(); bytes.Contains(a.XML(), []byte(s.ga.ID().String())) || bytes.Contains(a.XML(), []byte(hex.EncodeToString(u[:]))) {
		s.t.Errorf("it tells the group's ID:\n%s", a.XML())
	}
}

// nameless fails the test if the seed has carried a stream of the group.
func (s *siege) nameless(tap *wiretap) {
	s.t.Helper()
	tags := []string{uuidOf(s.ga)}
	for _, p := range []*peer.Peer{s.seed, s.alice, s.bob} {
		tags = append(tags, fmt.Sprintf("%x", membership.ServiceTag(s.secret, []byte(s.w.Info(s.alice).ID), []byte(s.w.Info(p).ID))))
	}
	net := false
	for _, name := range tap.carried() {
		u := id.Net.UUID()
		net = net || strings.Contains(name, hex.EncodeToString(u[:]))
		for _, tag := range tags {
			if strings.Contains(name, tag) {
				s.t.Errorf("the seed has carried %s", name)
			}
		}
	}
	if !net {
		s.t.Errorf("nothing was heard: %q", tap.carried())
	}
}
