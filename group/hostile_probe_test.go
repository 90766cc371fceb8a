package group_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// uuidOf is the group's, as it stands in the names of an open group's protocols.
func uuidOf(g *group.Group) string {
	u := g.ID().UUID()
	return hex.EncodeToString(u[:])
}

// knownOf are the protocols that a host tells another one, but for those of the net group.
func (s *siege) knownOf(h host.Host, p *peer.Peer) []string {
	s.t.Helper()
	if err := h.Connect(s.t.Context(), s.w.Info(p)); err != nil {
		s.t.Fatal(err)
	}
	s.w.Pass(time.Second)
	all, err := h.Peerstore().GetProtocols(s.w.Info(p).ID)
	if err != nil || len(all) == 0 {
		s.t.Fatalf("%s tells nothing: %v", p.Name(), err)
	}
	var names []string
	for _, name := range all {
		if u := id.Net.UUID(); !strings.Contains(string(name), hex.EncodeToString(u[:])) {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// A stranger cannot tell who is in the group.
func TestStrangerCannotTellAMember(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		atAlice, atSeed := s.knownOf(s.mallory, s.alice), s.knownOf(s.mallory, s.seed)
		if !slices.Equal(atAlice, atSeed) {
			t.Errorf("a member tells %q, who is none %q", atAlice, atSeed)
		}
		uuid := uuidOf(s.ga)
		for _, p := range []*peer.Peer{s.alice, s.bob, s.seed} {
			tag := fmt.Sprintf("%x", membership.ServiceTag(s.secret, []byte(s.mallory.ID()), []byte(s.w.Info(p).ID)))
			for _, name := range s.knownOf(s.mallory, p) {
				if strings.Contains(name, uuid) || strings.Contains(name, tag) {
					t.Errorf("%s tells %s", p.Name(), name)
				}
			}
		}
		random := membership.NewSecret()[:16]
		u := s.ga.ID().UUID()
		for _, service := range []string{"hello", "resolver", "presence", "gossip", "ledger", "lease", "pipe", "search", "bye", ""} {
			for _, tag := range [][]byte{random, u[:]} {
				if member, none := s.tryKnock(s.alice, knockBy(tag, service)), s.tryKnock(s.seed, knockBy(tag, service)); member == "" || member != none {
					t.Errorf("%x %s: a member says %q, who is none %q", tag, service, member, none)
				}
			}
			for _, tag := range []string{uuid, hex.EncodeToString(random), strings.ToUpper(uuid)} {
				name := protocol.ID("/juxta/1/" + tag + "/" + service)
				member, none := s.tryName(s.alice, name), s.tryName(s.seed, name)
				if !strings.Contains(member, "protocols not supported") || member != none {
					t.Errorf("%s: a member says %q, who is none %q", name, member, none)
				}
			}
		}
		none := s.tryKnock(s.seed, knock(s.secret, s.mallory.ID(), s.w.Info(s.seed).ID, "hello"))
		if none == "" {
			t.Error("who is no member answers")
		}
		// What others began their streams with, or one at another host, is no better.
		for _, k := range [][]byte{
			knock(s.secret, s.w.Info(s.bob).ID, s.w.Info(s.alice).ID, "hello"), knock(s.secret, s.mallory.ID(), s.w.Info(s.bob).ID, "hello"),
		} {
			if member := s.tryKnock(s.alice, k); member != none {
				t.Errorf("alice answers %q, who is no member %q", member, none)
			}
		}
		s.unharmed("probe")
	})
}

// tryKnock is what becomes of a stream that begins so; "" if it is answered.
func (s *siege) tryKnock(at *peer.Peer, k []byte) string {
	s.t.Helper()
	begun := time.Now()
	st, err := s.mallory.NewStream(s.t.Context(), s.w.Info(at).ID, closed)
	if err == nil {
		defer st.Reset()
		_, err = st.Write(k)
	}
	if err == nil {
		_, err = io.ReadFull(st, make([]byte, 1))
	}
	if err == nil {
		return ""
	}
	return fmt.Sprintf("%v, after %v", err, time.Since(begun)) // time is virtual: it is the same, or it tells
}

// tryName is what becomes of a stream under a name; "" if it opens.
func (s *siege) tryName(at *peer.Peer, name protocol.ID) string {
	s.t.Helper()
	begun := time.Now()
	st, err := s.mallory.NewStream(s.t.Context(), s.w.Info(at).ID, name)
	if err == nil {
		_ = st.Reset()
		return ""
	}
	return fmt.Sprintf("%v, after %v", err, time.Since(begun)) // time is virtual: it is the same, or it tells
}

func searchAll(t *testing.T, g *group.Group, q discovery.Query) (all []*adv.Signed) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for a, err := range g.Discovery().Search(ctx, q) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func TestBeaconHasAnotherName(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		beacons := func(g id.Group) int {
			return len(searchAll(t, s.seed.Net(), discovery.Query{Kind: "jxta:Beacon", Attr: "Group", Value: g.String()}))
		}
		if n := beacons(s.ga.ID()); n != 0 {
			t.Errorf("%d under the group's own ID", n)
		}
		if n := beacons(membership.Pseudonym(s.secret)); n == 0 {
			t.Error("none under its pseudonym")
		}
	})
}

// A former member knows the secret, and so all names and the proof; it is let in nowhere.
func TestSecretAloneOpensNothing(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		sub, err := s.gb.Rendezvous().Subscribe(t.Context(), "news", rendezvous.Replay{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		s.playMember(nil)
		before := s.ga.Stats()
		join := text(nil, 1, text(number(nil, 1, 1), 2, []byte("propagate")))                    // RPC.subscriptions
		publish := text(nil, 2, text(text(nil, 2, []byte("no bundle")), 4, []byte("propagate"))) // RPC.publish
		ask := text(nil, 1, nil)
		topics := text(nil, 3, text(nil, 1, []byte("news")))
		for what, frames := range map[string][][]byte{
			"gossip": {join, publish},
			"lease":  {ask, topics},
			"search": {text(nil, 2, []byte("peer"))},
			"ledger": {text(nil, 1, make([]byte, 16))},
			"index":  {number(nil, 1, 1)},
		} {
			st := s.open(s.mallory, s.w.Info(s.alice), what)
			for _, f := range frames {
				_, _ = st.Write(frame(f))
			}
			if b, err := io.ReadAll(st); len(b) > 0 || err == nil || timedOut(err) {
				t.Errorf("%s: read %q, %v, want a reset", what, b, err)
			}
		}
		after := s.ga.Stats()
		if after.Refused <= before.Refused || after.Reasons[membership.ErrNoCredential.Error()] == 0 {
			t.Errorf("counted as %d and %v, before %d", after.Refused, after.Reasons, before.Refused)
		}
		if !s.journal.says("was not admitted", s.mallory.ID().String(), membership.ErrNoCredential.Error()) {
			t.Error("not logged with peer and reason")
		}
		for range 3 {
			_ = s.ga.Rendezvous().Propagate(t.Context(), "news", []byte("e2e4"))
			if m, err := sub.Next(t.Context()); err != nil || m.Author != s.alice.ID() {
				t.Errorf("bob hears %+v, %v", m, err)
			}
		}
		if err := s.stranger(s.mallory.ID()); err != nil {
			t.Error(err)
		}
		s.unharmed("gossip")
	})
}

// playMember has mallory answer to those who greet her, as a member does, with a
// credential; the test fails if anybody opens another service at her.
func (s *siege) playMember(credential []byte) {
	s.mallory.SetStreamHandler(closed, func(st network.Stream) {
		defer st.Close()
		if service, err := readKnock(st); err != nil || service != "hello" {
			s.t.Errorf("%s opens %q at a stranger: %v", st.Conn().RemotePeer(), service, err)
			return
		}
		proof := membership.Proof(s.secret, []byte(st.Conn().RemotePeer()), []byte(s.mallory.ID()))
		_, _ = st.Write(frame(text(nil, 5, proof[:])))
		_, _ = readFrame(bufio.NewReader(st))
		_, _ = st.Write(helloOf(s.shown(s.mallory, "mallory", credential).Envelope()))
		_, _ = io.Copy(io.Discard, st)
	})
}
