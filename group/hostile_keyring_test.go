package group

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// What is sealed after a revocation opens with no key that who was put out has, and with
// none that it is told by another name.
func TestWhoWasPutOutLacksTheKey(t *testing.T) {
	public, root, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, id.NonceLen)
	gid := id.GroupOf(public, "chess", nonce)
	policy := &membership.Policy{Group: gid, Root: public, Method: membership.Open}
	issuer := &membership.Issuer{Key: root, Group: gid}
	now := time.Now()
	members, outside := membership.NewLedger(policy), membership.NewLedger(policy)
	alice, carol := newKeyring(public), newKeyring(public)
	revoke := func(known bool) *membership.Record {
		who, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		r, err := issuer.RevokePeer(id.PeerOf(id.Net, who), now, "")
		if err != nil {
			t.Fatal(err)
		}
		ledgers := []*membership.Ledger{members}
		if known {
			ledgers = append(ledgers, outside)
		}
		for _, l := range ledgers {
			if _, err := l.Add(now, r); err != nil {
				t.Fatal(err)
			}
		}
		alice.enter(members.Epoch())
		carol.enter(outside.Epoch())
		return r
	}
	revoke(true) // while carol was a member
	epoch, sealed, err := alice.Seal([]byte("e2e4"), []byte("news"))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := carol.Open(public, epoch, sealed, []byte("news")); err != nil || string(plain) != "e2e4" {
		t.Fatalf("as a member: %q, %v", plain, err)
	}
	r := revoke(false) // it is she
	if epoch, sealed, err = alice.Seal([]byte("e7e5"), []byte("news")); err != nil {
		t.Fatal(err)
	}
	shown, err := membership.ParseRecord(r.Public())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := outside.Add(now, shown); err == nil {
		t.Error("what she is shown counts for her")
	}
	if _, err := carol.Open(public, epoch, sealed, []byte("news")); !errors.Is(err, rendezvous.ErrEpoch) {
		t.Errorf("put out: %v", err)
	}
	_, old := outside.Epoch()
	carol.learn([8]byte(epoch), old) // the key before, by the new name
	if plain, err := carol.Open(public, epoch, sealed, []byte("news")); err == nil {
		t.Errorf("put out, with the old key: %q", plain)
	}
}

// A key that somebody tells is for reading what is past: by none such is anything sealed.
func TestNothingIsSealedByAKeyThatWasTold(t *testing.T) {
	key := make([]byte, 32)
	for name, told := range map[string][8]byte{"of no epoch": {1}, "of the one to come": {2}} {
		k := newKeyring(make(ed25519.PublicKey, ed25519.PublicKeySize))
		k.learn(told, key)
		if epoch, _, err := k.Seal(nil, nil); epoch != nil || err != nil {
			t.Errorf("%s: sealed under %x, %v", name, epoch, err)
		}
		right := append([]byte{1}, key[1:]...)
		k.enter([8]byte{2}, right)
		epoch, sealed, err := k.Seal([]byte("e2e4"), nil)
		if err != nil || [8]byte(epoch) != [8]byte{2} {
			t.Fatalf("%s: sealed under %x, %v", name, epoch, err)
		}
		other := newKeyring(k.self)
		other.enter([8]byte{2}, right)
		if plain, err := other.Open(k.self, epoch, sealed, nil); err != nil || string(plain) != "e2e4" {
			t.Errorf("%s: others read %q, %v", name, plain, err)
		}
	}
}
