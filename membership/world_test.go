package membership

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// The time that it is in tests as a rule.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// fastKDF is the cheapest that is allowed.
var fastKDF = KDF{Time: 1, MemoryKiB: 8 << 10, Threads: 1}

// keyOf returns the private key of somebody, always the same.
func keyOf(name string) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return ed25519.NewKeyFromSeed(seed)
}

func pub(name string) ed25519.PublicKey { return keyOf(name).Public().(ed25519.PublicKey) }

func peerOf(name string) id.Peer { return id.PeerOf(id.Net, pub(name)) }

func groupOf(name string) id.Group {
	return id.GroupOf(pub("root"), name, make([]byte, id.NonceLen))
}

// group is that of tests; its root is "root", and "pass" the key of its password,
// which makes members.
var group = groupOf("group")

func policyOf(m Method) *Policy {
	p := &Policy{Group: group, Root: pub("root"), Method: m, Seq: 1}
	if m != Open {
		p.Marker = MarkerOf(bytes.Repeat([]byte{7}, SecretLen))
	}
	if m == Password {
		p.Pass = &Passphrase{Key: pub("pass"), Role: Member, Sealed: make([]byte, sealedLen), KDF: DefaultKDF}
	}
	return p
}

func advertisementOf(p *Policy) *adv.Group {
	return &adv.Group{
		GID: p.Group, MSID: id.SpecStdGroup, Name: "group", RootKey: p.Root,
		Nonce: make([]byte, id.NonceLen), Membership: p.Elements(),
	}
}

// by returns an issuer: an anchor if there is no chain.
func by(name string, c *Chain) *Issuer { return &Issuer{Key: keyOf(name), Chain: c, Group: group} }

// must returns what a function returned that does not fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// granted returns a membership for a year from a day ago.
func granted(is *Issuer, subject string, role Role) *Chain {
	return must(is.Grant(pub(subject), role, now.Add(-day), 365*day))
}

// invited returns an invitation of the key "invitation", from a day ago to tomorrow, to
// members for 30 days.
func invited(is *Issuer, uses int) *Chain {
	return must(is.Invite(pub("invitation"), Member, uses, now.Add(-day), now.Add(day), 30*day, id.Peer{}))
}

// forgery is a link that nobody checks.
type forgery struct {
	key ed25519.PrivateKey
	Credential
}

// forge makes a chain of any links. What is zero in one becomes that of a membership.
func forge(forgeries ...forgery) *Chain {
	var links []link
	for _, f := range forgeries {
		c := f.Credential
		if c.Serial == (Serial{}) {
			c.Serial = newSerial()
		}
		if c.Group == (id.UUID{}) {
			c.Group = group.UUID()
		}
		if c.Kind == 0 {
			c.Kind = KindMembership
		}
		if c.Role == 0 {
			c.Role = Member
		}
		if c.Issued.IsZero() {
			c.Issued = now.Add(-day)
		}
		if c.Expires.IsZero() {
			c.Expires = c.Issued.Add(2 * day)
		}
		if c.Kind == KindInvitation && c.Uses == 0 {
			c.Uses, c.Life = 1, 30*day
		}
		raw := marshalCredential(&c)
		links = append(links, must(newLink(raw, ed25519.Sign(f.key, append([]byte(signing), raw...)))))
	}
	return newChain(links)
}

// wantErr fails if err is not want, which may be nil.
func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// prefixes fails if parse takes, or panics over, any beginning of b, or does not say
// what is wrong.
func prefixes(t *testing.T, b []byte, parse func([]byte) error) {
	t.Helper()
	for i := range b {
		if err := parse(b[:i]); !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrToken) {
			t.Fatalf("the first %d of %d bytes give %v", i, len(b), err)
		}
	}
	if err := parse(b); err != nil {
		t.Fatal(err)
	}
}
