package group_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// keyless is the cipher of a member that has heard of no revocation.
type keyless struct{}

func (keyless) Seal(_, _ []byte) (epoch, sealed []byte, err error) { return nil, nil, nil }

func (keyless) Open(_ ed25519.PublicKey, epoch, _, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("%w: %x", rendezvous.ErrEpoch, epoch)
}

// Who was put out and sits at a rendezvous that has not heard of it gets what is sealed,
// and cannot read it.
func TestRevokedAtARendezvousThatHasNotHeard(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		dave := s.modifiedAs("dave", membership.Member, rendezvous.Rendezvous, keyless{}) // he exchanges no ledgers
		s.w.Until(time.Minute, "alice and dave know each other", func() bool { return len(s.ga.Rendezvous().Status().Members) == 2 })
		carol, gc := s.member("carol")
		for _, p := range []interface{ Close() error }{s.line, s.far} {
			_ = p.Close()
		}
		s.w.Net.Block(s.w.Addr(carol), s.w.Addr(s.alice))
		s.w.Net.Block(s.w.Addr(carol), s.w.Addr(s.bob))
		if _, err := gc.Connect(t.Context(), hostInfo(dave.host)); err != nil {
			t.Fatal(err)
		}
		s.w.Until(5*time.Minute, "carol is at dave's", func() bool {
			l := gc.Rendezvous().Status().Lease
			return l != nil && l.Rendezvous == dave.ID()
		})
		sub, err := gc.Rendezvous().Subscribe(t.Context(), "news", rendezvous.Replay{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		s.w.Pass(time.Second)
		if got := s.sendNews(t, sub, "before"); got != "before" {
			t.Fatalf("carol hears %q", got)
		}
		if err := s.admin().Revoke(t.Context(), carol.ID(), "cheats"); err != nil {
			t.Fatal(err)
		}
		before := gc.Stats().Propagated.Dropped
		for i := range 3 {
			if got := s.sendNews(t, sub, fmt.Sprint("after", i)); got != "" {
				t.Errorf("carol hears %q", got)
			}
		}
		if n := gc.Stats().Propagated.Dropped - before; n < 3 {
			t.Errorf("what was sealed has not even reached carol: %d of 3", n)
		}
	})
}

// sendNews has alice propagate a word, and returns what a subscription gets.
func (s *siege) sendNews(t *testing.T, sub *rendezvous.Subscription, word string) string {
	t.Helper()
	if err := s.ga.Rendezvous().Propagate(t.Context(), "news", []byte(word)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := sub.Next(ctx)
	if err != nil {
		return ""
	}
	return string(m.Data)
}

// Who was put out is shown the record that says so, without the secret in it, and no
// credential that it makes for itself, or has shown before, helps.
func TestRevokedIsShownWhy(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		me := s.keyOf(s.mallory).Public().(ed25519.PublicKey)
		once := s.invite(&group.InvitationConfig{Uses: 5})
		shown := map[string][]byte{
			"the root's":        s.grant(s.mallory, membership.Member),
			"by the password":   s.chain(s.passKey(), me, membership.Member, time.Now(), time.Hour),
			"by an invitation":  s.redeemed(once.Token, s.mallory, membership.Member),
			"of a later hour":   s.chain(s.passKey(), me, membership.Member, time.Now().Add(membership.Skew-time.Second), time.Hour),
			"a later, by token": s.redeemed(once.Token, s.mallory, membership.Member),
		}
		captured := helloOf(s.shown(s.mallory, "mallory", shown["the root's"]).Envelope())
		s.letsIn(t, s.mallory, captured)
		if err := s.admin().Revoke(t.Context(), s.shown(s.mallory, "", nil).Signer(), "cheats"); err != nil {
			t.Fatal(err)
		}
		if n := s.ga.Stats().Expelled; n != 1 {
			t.Errorf("%d put out", n)
		}
		if !s.journal.says("peer put out", s.mallory.ID().String(), membership.ErrRevoked.Error()) {
			t.Error("not logged with peer and reason")
		}
		for what, credential := range shown {
			s.turnedAway(what, s.mallory, credential, membership.ErrRevoked)
		}
		b, err := s.greet(s.mallory, s.w.Info(s.bob), captured)
		f, bad := parse(b)
		if err != nil || bad != nil || f.numbers[3] != uint64(membership.Code(membership.ErrRevoked)) {
			t.Fatalf("a hello from before: refusal %d, %v", f.numbers[3], err)
		}
		r, err := membership.ParseRecord(f.texts[4])
		if err != nil || s.ga.Policy().Verify(r, time.Now()) != nil {
			t.Fatalf("the evidence: %v", err)
		}
		ledger := membership.NewLedger(s.ga.Policy())
		if _, err := ledger.Add(time.Now(), r); err == nil {
			t.Error("the evidence has the secret of the epoch in it")
		}
		s.unharmed("evidence")
	})
}

// letsIn fails the test unless alice answers a hello with her own.
func (s *siege) letsIn(t *testing.T, h host.Host, hello []byte) {
	t.Helper()
	b, err := s.greet(h, s.w.Info(s.alice), hello)
	if f, bad := parse(b); err != nil || bad != nil || len(f.texts[1]) == 0 {
		t.Fatalf("not let in: %v, refusal %d", err, f.numbers[3])
	}
}
