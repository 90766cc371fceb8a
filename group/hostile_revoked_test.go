package group_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

const seconds = 5 * time.Second // what "within seconds" is

// end is one end of a pipe.
type end struct {
	net.Conn
	at   *group.Group
	what string
}

// pipesOf opens a pipe from each of two groups to the other.
func pipesOf(t *testing.T, a, b *group.Group) (ends []end) {
	t.Helper()
	for _, g := range [][2]*group.Group{{a, b}, {b, a}} {
		name := fmt.Sprintf("from %s to %s", g[0].Self().Signer(), g[1].Self().Signer())
		ln, err := g[1].Pipe().Listen(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c, err := g[0].Pipe().Dial(t.Context(), "pipe", name)
		if err != nil {
			t.Fatal(err)
		}
		far, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end{c, g[0], name}, end{far, g[1], name + ", far end"})
	}
	return ends
}

// bindNews has a group read what is propagated over a pipe.
func bindNews(t *testing.T, g *group.Group, a *adv.Pipe) *pipe.Input {
	t.Helper()
	in, err := g.Pipe().Bind(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func news(word string) *message.Message {
	m := new(message.Message)
	m.Add("word", "", []byte(word))
	return m
}

// heard returns the words that an input gets within d.
func heard(t *testing.T, in *pipe.Input, d time.Duration) (words []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	for {
		m, err := in.Receive(ctx)
		if err != nil {
			return words
		}
		e, _ := m.Get("word")
		words = append(words, string(e.Data))
	}
}

func TestRevokedInMidStream(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		carol, gc := s.member("carol")
		ends := append(pipesOf(t, s.ga, gc), pipesOf(t, s.gb, gc)...)
		channel := &adv.Pipe{PipeID: id.NewPipe(s.ga.ID()), PipeType: adv.Propagate, Name: "news", Shared: true}
		atBob, atCarol := bindNews(t, s.gb, channel), bindNews(t, gc, channel)
		defer atBob.Close()
		defer atCarol.Close()
		out, err := s.ga.Pipe().Resolve(t.Context(), channel)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		diary := &adv.Document{Name: "Diary", Children: []*adv.Element{{Name: "Id", Text: id.NewCodat(s.ga.ID()).String()}}}
		if _, err := gc.Discovery().Publish(t.Context(), diary, 0, 0); err != nil {
			t.Fatal(err)
		}
		if n := len(searchAll(t, s.gb, discovery.Query{Kind: "Diary"})); n != 1 { // bob has it in his cache now
			t.Fatalf("%d diaries", n)
		}
		s.w.Pass(time.Second)
		if err := out.Send(t.Context(), news("before")); err != nil {
			t.Fatal(err)
		}
		if got := append(heard(t, atBob, seconds), heard(t, atCarol, seconds)...); len(got) != 2 {
			t.Fatalf("heard before: %q", got)
		}

		broken := s.brokenAll(t, ends)
		if err := s.admin().Revoke(t.Context(), carol.ID(), "cheats"); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := out.Send(t.Context(), news(fmt.Sprint("after", i))); err != nil {
				t.Fatal(err)
			}
		}
		if got := heard(t, atBob, seconds); len(got) != 3 {
			t.Errorf("bob has heard %q", got)
		}
		if got := heard(t, atCarol, time.Minute); len(got) > 0 {
			t.Errorf("carol has heard %q", got)
		}
		broken()
		s.outside(t, carol, gc)
		s.unharmed("revoked")
	})
}

// brokenAll fails the test unless every end of a pipe says within seconds that one was put
// out, on both sides.
func (s *siege) brokenAll(t *testing.T, ends []end) (wait func()) {
	t.Helper()
	begun := time.Now()
	var watching sync.WaitGroup
	for _, e := range ends {
		watching.Go(func() {
			_ = e.SetReadDeadline(begun.Add(seconds))
			_, err := e.Read(make([]byte, 1))
			t.Logf("at %s after %v: %v", e.at.Self().Signer(), time.Since(begun), err)
			if !errors.Is(err, pipe.ErrExpelled) {
				t.Errorf("%s: %v", e.what, err)
			}
			if _, err := e.Write([]byte("x")); err == nil {
				t.Errorf("%s can be written to", e.what)
			}
			_ = e.Close()
		})
	}
	return watching.Wait
}

// outside fails the test if anything in the group is open to a peer, which was put out,
// or tells of it.
func (s *siege) outside(t *testing.T, p *peer.Peer, g *group.Group) {
	t.Helper()
	for _, in := range []*group.Group{s.ga, s.gb} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if a, err := g.Connect(ctx, s.w.Info(s.peerOf(in))); err == nil {
			t.Errorf("let in by %s", a)
		}
		ln, err := in.Pipe().Listen(t.Context(), "door")
		if err != nil {
			t.Fatal(err)
		}
		if c, err := g.Pipe().DialPipe(ctx, ln.Advertisement()); err == nil {
			t.Errorf("a pipe to %s", c.RemoteAddr())
		}
		_ = ln.Close()
		cancel()
		for _, q := range []discovery.Query{{Kind: "Diary"}, {Kind: adv.KindPeer, Attr: "Name", Value: p.Name()}} {
			for _, a := range searchAll(t, in, q) {
				t.Errorf("%s finds %s", in.Self(), a)
			}
			for a := range in.Discovery().Local(q) {
				t.Errorf("%s keeps %s", in.Self(), a)
			}
		}
		for _, m := range in.Members() {
			if m.Peer == p.ID() {
				t.Errorf("%s takes it for a member: %+v", in.Self(), m)
			}
		}
		for _, n := range in.Neighbours() {
			if n.Signer() == p.ID() {
				t.Errorf("%s has it as a neighbour", in.Self())
			}
		}
	}
	if st, err := g.Standing(); !errors.Is(err, membership.ErrRevoked) {
		t.Errorf("it takes itself for a %+v, %v", st, err)
	}
}

func (s *siege) peerOf(g *group.Group) *peer.Peer {
	if g == s.ga {
		return s.alice
	}
	return s.bob
}

// Who was put out stays out when the members start again, from their directories.
func TestRevokedStaysOutOverARestart(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		dir := t.TempDir()
		cfg := &peer.Config{Name: "dave", Dir: dir, NoDHT: true, Seeds: s.seed.Addrs()}
		dave := s.w.StartConfig(cfg)
		s.w.Settle(dave)
		inv := s.invite(&group.InvitationConfig{})
		gd, err := dave.Join(t.Context(), s.signed, &peer.Entry{Token: &inv.Token, Remember: true})
		if err != nil {
			t.Fatal(err)
		}
		carol, gc := s.member("carol")
		s.w.Until(time.Minute, "dave knows carol", func() bool { return gd.Stats().Present == 4 })
		if err := s.admin().Revoke(t.Context(), carol.ID(), "cheats"); err != nil {
			t.Fatal(err)
		}
		s.w.Until(seconds, "dave knows it", func() bool { return gd.Stats().Revoked == 1 })
		s.w.Stop(dave)
		_ = s.line.Close()
		_ = s.far.Close()
		s.w.Stop(s.bob)
		s.w.Stop(s.alice)

		dave = s.w.StartConfig(cfg) // alone: nobody is there who could tell him
		gd = dave.Group(s.ga.ID())
		if gd == nil {
			t.Fatal("dave has not joined again")
		}
		if st := gd.Stats(); st.Revoked != 1 {
			t.Errorf("dave knows %d revocations", st.Revoked)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if a, err := gc.Connect(ctx, s.w.Info(dave)); err == nil {
			t.Errorf("let in by %s", a)
		}
		s.w.Pass(time.Minute)
		if n := gd.Neighbours(); len(n) > 0 {
			t.Errorf("dave's neighbours: %v", n)
		}

		cfg.Name, cfg.Dir = "alice", s.dir
		s.alice = s.w.StartConfig(cfg)
		if s.ga = s.alice.Group(s.ga.ID()); s.ga == nil {
			t.Fatal("alice has not joined again")
		}
		s.w.Until(time.Minute, "alice and dave are neighbours", func() bool { return len(gd.Neighbours()) == 1 })
		if a, err := gc.Connect(ctx, s.w.Info(s.alice)); err == nil {
			t.Errorf("let in by %s", a)
		}
		if st := s.ga.Stats(); st.Revoked != 1 {
			t.Errorf("alice knows %d revocations", st.Revoked)
		}
	})
}
