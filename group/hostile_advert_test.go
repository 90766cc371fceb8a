package group_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// payload is a document in an envelope, as the wire has it.
type payload []byte

func (p *payload) Domain() string                 { return "juxta-advertisement" }
func (p *payload) Codec() []byte                  { return []byte("/juxta/advertisement") }
func (p *payload) MarshalRecord() ([]byte, error) { return *p, nil }
func (p *payload) UnmarshalRecord(b []byte) error { *p = b; return nil }

// sealBy signs a document with any key.
func sealBy(t *testing.T, key crypto.PrivKey, xml []byte) []byte {
	t.Helper()
	env, err := record.Seal((*payload)(&xml), key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestForgedGroupAdvertisement(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		key := s.w.Key(s.mallory)
		mine, err := key.GetPublic().Raw()
		if err != nil {
			t.Fatal(err)
		}
		real := s.signed.Advertisement().(*adv.Group)
		theirs := *real
		theirs.RootKey = mine
		if _, err := adv.Sign(key, &theirs, 1<<60); err == nil {
			t.Error("signed for a group of another root")
		}
		for what, envelope := range map[string][]byte{
			"as it is, by another key": sealBy(t, key, s.signed.XML()),
			"a later one":              sealBy(t, key, bytes.Replace(s.signed.XML(), []byte(`seq="`), []byte(`seq="9`), 1)),
			"with her root":            sealBy(t, key, rooted(t, s.signed.XML(), mine)),
			"altered":                  bytes.Replace(s.signed.Envelope(), []byte("chess"), []byte("chesz"), 1),
			"cut":                      s.signed.Envelope()[:len(s.signed.Envelope())-1],
		} {
			if a, err := adv.Open(envelope); err == nil {
				t.Errorf("%s: opened: %s\n%s", what, a, a.XML())
			}
		}
		if a, err := adv.Open(sealBy(t, key, []byte("x"))); err == nil {
			t.Errorf("no document: %s", a)
		}
		if _, err := adv.Open(s.signed.Envelope()); err != nil {
			t.Error(err)
		}
	})
}

// rooted puts another root key into a document.
func rooted(t *testing.T, xml, key []byte) []byte {
	t.Helper()
	i := bytes.Index(xml, []byte("<RootKey>"))
	j := bytes.Index(xml, []byte("</RootKey>"))
	if i < 0 || j < i {
		t.Fatalf("no root key:\n%s", xml)
	}
	return fmt.Appendf(nil, "%s<RootKey>%s%s", xml[:i], base64.StdEncoding.EncodeToString(key), xml[j:])
}

// One without a root anybody may sign, with any ID. It opens no group, and nobody who looks
// for the real one gets it instead.
func TestGroupWithoutARoot(t *testing.T) {
	besiege(t, func(t *testing.T, s *siege) {
		key := s.w.Key(s.mallory)
		real := s.signed.Advertisement().(*adv.Group)
		bare, err := adv.Sign(key, &adv.Group{GID: real.GID, MSID: real.MSID, Name: real.Name}, s.signed.Seq()+1<<40)
		if err != nil {
			t.Fatal(err)
		}
		open, err := adv.Sign(key, &adv.Group{GID: real.GID, MSID: real.MSID, Name: real.Name, Membership: []*adv.Element{{Name: "Method", Text: "none"}}}, s.signed.Seq()+1<<41)
		if err != nil {
			t.Fatal(err)
		}
		eve := s.w.Start("eve", s.seed) // an honest peer, by which mallory publishes
		dave := s.w.Start("dave", s.seed)
		s.w.Settle(eve, dave)
		for _, a := range []*adv.Signed{bare, open} {
			if err := eve.Net().Discovery().PublishSigned(t.Context(), a, 0, 0); err != nil {
				t.Logf("not even published: %v", err)
			}
			dave.Net().Discovery().Keep(a, time.Hour)
			if g, err := dave.Join(t.Context(), a, &peer.Entry{Password: []byte(password)}); !errors.Is(err, membership.ErrNoRoot) {
				t.Errorf("joined %v: %v", g, err)
			}
		}
		q := discovery.Query{Kind: adv.KindGroup, Attr: "Name", Value: "chess"}
		found := map[uint64]int{}
		for _, a := range searchAll(t, dave.Net(), q) {
			found[a.Seq()]++
		}
		if found[s.signed.Seq()] == 0 {
			t.Errorf("the real one is not among those found: %v", found)
		}
		kept := map[uint64]int{}
		for a := range dave.Net().Discovery().Local(q) {
			kept[a.Seq()]++
		}
		if kept[s.signed.Seq()] == 0 {
			t.Errorf("the real one is not kept beside the others: %v", kept)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := dave.Join(ctx, s.signed, &peer.Entry{Password: []byte(password)}); err != nil {
			t.Errorf("the real one is not joined: %v", err)
		}
		insider, _ := s.insider("insider", membership.Member, nil)
		for _, a := range []*adv.Signed{bare, open} {
			_, _ = s.ledger(insider, s.ga, frame(text(nil, 5, a.Envelope())))
		}
		if s.ga.Signed().Seq() != s.signed.Seq() {
			t.Errorf("alice has version %d of the advertisement", s.ga.Signed().Seq())
		}
		s.unharmed("rootless")
	})
}
