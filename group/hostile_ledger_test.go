package group_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/group/internal/wire"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// ledger has a member send frames on a stream "ledger" to a peer, and returns what that
// sends, up to a digest that it answers with.
func (s *siege) ledger(e *endpoint.Endpoint, to *group.Group, frames ...[]byte) (answer *wire.Sync, err error) {
	s.t.Helper()
	answer = new(wire.Sync)
	st, err := e.Open(s.t.Context(), to.Self().Signer(), "ledger")
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Reset()
	_ = st.SetDeadline(time.Now().Add(20 * time.Second))
	for _, f := range frames {
		if _, err := st.Write(f); err != nil {
			return answer, err
		}
	}
	if err := st.CloseWrite(); err != nil {
		return answer, err
	}
	if err := st.ReadMsg(answer, 1<<20); err != nil && !errors.Is(err, io.EOF) {
		return answer, err
	}
	_, err = io.Copy(io.Discard, st)
	return answer, err
}

// records are a frame with records.
func records(all ...[]byte) []byte {
	var m []byte
	for _, r := range all {
		m = text(m, 3, r)
	}
	return frame(m)
}

// A member that offers an older ledger, or none, or garbage, unteaches nobody anything.
func TestLedgerOfAFriend(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		carol, gc := s.member("carol")
		eve, _ := s.insider("eve", membership.Member, nil)
		if _, err := eve.Connect(t.Context(), s.w.Info(s.bob)); err != nil {
			t.Fatal(err)
		}
		empty := membership.NewLedger(s.ga.Policy()).Digest()
		if err := s.admin().Revoke(t.Context(), carol.ID(), "cheats"); err != nil {
			t.Fatal(err)
		}
		s.w.Until(seconds, "bob knows it", func() bool { return s.gb.Stats().Revoked == 1 })
		before := s.ga.Stats()
		knows, err := s.ledger(eve, s.ga, frame(text(nil, 1, empty[:])), frame(nil))
		if err != nil || len(knows.GetIds()) < 1 {
			t.Fatalf("alice answers an offer with %v, %v", knows, err)
		}
		_, nobody := newKey(t)
		public := s.revocation(s.root, s.shown(s.mallory, "mallory", nil).Signer()).Public()
		ids := func(n, size int) (m []byte) {
			for range n {
				v := make([]byte, size)
				_, _ = rand.Read(v)
				m = text(m, 2, v)
			}
			return frame(m)
		}
		offer := frame(number(text(nil, 1, empty[:]), 4, 1))
		for what, frames := range map[string][][]byte{
			"an older ledger":         {offer, frame(nil)},
			"an older ledger, again":  {offer, records()},
			"no records, news":        {frame(nil)},
			"garbage records":         {records([]byte("garbage"), bytes.Repeat([]byte{0xff}, 5000))},
			"a record without secret": {records(public)},
			"wrong secret":            {records(otherSecret(t, public))},
			"by nobody":               {records(s.revocation(nobody, s.alice.ID()).Bytes())},
			"truncated":               {offer[:len(offer)-3]},
			"truncated records":       {records(public)[:40]},
			"10,000 IDs":              {offer, ids(10_000, 16)},
			"10,000 IDs of no length": {offer, ids(10_000, 0)},
			"100,000 IDs":             {offer, ids(100_000, 16)},
			"a version of tomorrow":   {frame(number(text(nil, 1, empty[:]), 4, 1<<63)), frame(nil)},
			"a digest of 1 byte":      {frame(text(nil, 1, []byte{1})), frame(nil)},
			"no end":                  {bytes.Repeat(frame(number(nil, 7, 1)), 2000)},
			"a huge frame":            {{0xff, 0xff, 0xff, 0x7f}, make([]byte, 4096)},
			"keys of no epoch":        {frame(text(nil, 6, text(text(nil, 1, []byte("12345678")), 2, []byte("short"))))},
			"not an advertisement":    {frame(text(nil, 5, []byte("garbage")))},
			"another's advertisement": {frame(text(nil, 5, s.ga.Self().Envelope()))},
		} {
			begun := time.Now()
			for _, g := range []*group.Group{s.ga, s.gb} {
				_, _ = s.ledger(eve, g, frames...)
			}
			if d := time.Since(begun); d > 25*time.Second {
				t.Errorf("%s: held for %v", what, d)
			}
			for _, g := range []*group.Group{s.ga, s.gb} {
				if st := g.Stats(); st.Revoked != before.Revoked || st.Epoch != before.Epoch {
					t.Errorf("%s: %d revocations in epoch %s, before %d in %s", what, st.Revoked, st.Epoch, before.Revoked, before.Epoch)
				}
			}
		}
		after, err := s.ledger(eve, s.ga, frame(text(nil, 1, empty[:])), frame(nil))
		if err != nil || !bytes.Equal(after.GetDigest(), knows.GetDigest()) || after.GetVersion() != knows.GetVersion() {
			t.Errorf("alice has digest %x of version %d, before %x of %d, %v", after.GetDigest(), after.GetVersion(), knows.GetDigest(), knows.GetVersion(), err)
		}
		if !s.journal.says("exchange of the ledger failed", eve.ID().String()) {
			t.Error("not logged with peer and reason")
		}
		s.outside(t, carol, gc)
		s.unharmed("ledger")
	})
}

// revocation is a record that a key signs as if it were the root.
func (s *siege) revocation(by ed25519.PrivateKey, who id.Peer) *membership.Record {
	s.t.Helper()
	r, err := (&membership.Issuer{Key: by, Group: s.ga.ID()}).RevokePeer(who, time.Now(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// otherSecret is a record of a revocation with a secret that it was not signed for.
func otherSecret(t *testing.T, public []byte) []byte {
	t.Helper()
	f, err := parse(public)
	if err != nil {
		t.Fatal(err)
	}
	return text(nil, 1, text(f.texts[1], 4, make([]byte, membership.SecretLen)))
}

// A member says of keys that they are those of the group. Nobody seals by what one member
// alone has said, and nobody is kept from reading.
func TestKeysThatNobodyHas(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		eve, _ := s.insider("eve", membership.Guest, nil)
		if _, err := eve.Connect(t.Context(), s.w.Info(s.bob)); err != nil {
			t.Fatal(err)
		}
		_, gd := s.member("dave")
		sub, err := s.ga.Rendezvous().Subscribe(t.Context(), "news", rendezvous.Replay{})
		if err != nil {
			t.Fatal(err)
		}
		defer sub.Close()
		s.w.Pass(time.Second)
		hears := func(what string) {
			t.Helper()
			if err := s.gb.Rendezvous().Propagate(t.Context(), "news", []byte(what)); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if m, err := sub.Next(ctx); err != nil || string(m.Data) != what {
				t.Errorf("%s: alice hears %+v, %v", what, m, err)
			}
		}
		hears("in peace")
		s.teach(eve, s.gb, 1)
		hears("with a key of eve's")
		s.teach(eve, s.gb, 200)
		hears("with many")
		carol, _ := s.member("carol")
		if err := s.admin().Revoke(t.Context(), carol.ID(), "cheats"); err != nil {
			t.Fatal(err)
		}
		s.w.Until(seconds, "all know it", func() bool { return s.gb.Stats().Revoked == 1 && gd.Stats().Revoked == 1 })
		hears("in an epoch")
		s.teach(eve, s.gb, 200)
		hears("with many more")
		s.unharmed("keys")
	})
}

// teach has a member tell keys of epochs that never were.
func (s *siege) teach(e *endpoint.Endpoint, to *group.Group, n int) {
	s.t.Helper()
	var m []byte
	for range n {
		secret := membership.NewSecret()
		m = text(m, 6, text(text(nil, 1, secret[:8]), 2, secret))
	}
	if _, err := s.ledger(e, to, frame(m)); err != nil {
		s.t.Logf("the keys were not taken: %v", err)
	}
}
