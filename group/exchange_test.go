package group

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// From the moment that a door has heard of it, who is put out gets no record and no key
// from the ledger, though its streams may be open still.
func TestLedgerGivesNothingToWhoIsPutOut(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		self, own := e.admin()
		d := e.door(self, own, nil)
		who, other := e.somebody(), e.somebody()
		e.comes(d, who, e.grant(e.root, who, membership.Member), 1)
		e.comes(d, other, e.grant(e.root, other, membership.Member), 1)
		e.hears(d, e.revoked(e.root, e.somebody()))
		give, want, err := d.compare(who.id(), [][]byte{make([]byte, 16)})
		if err != nil || len(give) != 1 || len(want) != 1 {
			t.Fatalf("as a member: %d given, %d wanted, %v", len(give), len(want), err)
		}
		if keys, err := d.epochs(who.id(), pastEpochs); err != nil || len(keys) != 1 {
			t.Fatalf("as a member: %d keys, %v", len(keys), err)
		}
		out := e.revoked(e.root, who)
		asked := 0
		d.changed = func([]*membership.Record) { // the first that anybody else hears of it
			asked++
			rid := out.ID()
			if got := d.records(who.id(), [][]byte{rid[:]}); len(got) > 0 {
				t.Error("the record, with the key of the epoch in it, is given to it")
			}
			if give, _, err := d.compare(who.id(), nil); err == nil || len(give) > 0 {
				t.Errorf("%d records are given to it", len(give))
			}
			if keys, err := d.epochs(who.id(), pastEpochs); err == nil || len(keys) > 0 {
				t.Errorf("%d keys are given to it", len(keys))
			}
			if got := d.records(other.id(), [][]byte{rid[:]}); len(got) != 1 {
				t.Errorf("%d records for who is in", len(got))
			}
		}
		e.hears(d, out)
		if asked != 1 {
			t.Errorf("told %d times", asked)
		}
	})
}

// A record that is asked for many times is given once.
func TestLedgerGivesARecordOnce(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		self, own := e.admin()
		d := e.door(self, own, nil)
		who := e.somebody()
		e.comes(d, who, e.grant(e.root, who, membership.Member), 1)
		r := e.revoked(e.root, e.somebody())
		e.hears(d, r)
		rid := r.ID()
		var ids [][]byte
		for range 1000 {
			ids = append(ids, rid[:])
		}
		if n := len(d.records(who.id(), ids)); n != 1 {
			t.Errorf("given %d times", n)
		}
		if _, want, err := d.compare(who.id(), [][]byte{make([]byte, 16), make([]byte, 16)}); err != nil || len(want) != 1 {
			t.Errorf("what it has twice is wanted %d times, %v", len(want), err)
		}
	})
}

// Who was put out stays out if the clock is slow when the peer starts again.
func TestLedgerIsReadByASlowClock(t *testing.T) {
	var records []*membership.Record
	var e *estate
	onEstate(t, membership.Root, func(_ *testing.T, made *estate) {
		time.Sleep(24 * time.Hour)
		e = made
		for range 3 {
			records = append(records, e.revoked(e.root, e.somebody()))
		}
	})
	synctest.Test(t, func(t *testing.T) { // the day before
		e.t = t
		db, err := store.Open(filepath.Join(t.TempDir(), "cache.db"), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, r := range records {
			rid := r.ID()
			if err := db.Bucket(ledgerBucket(e.doc.GID)).Put(rid[:], r.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		self, own := e.admin()
		d := e.door(self, own, db)
		for _, r := range records {
			if rev, _ := r.Revocation(); !d.revoked(rev.Peer) {
				t.Errorf("%v is let in again", rev.Peer)
			}
			if err := e.door(self, own, nil).take([]*membership.Record{r}); !errors.Is(err, membership.ErrClock) {
				t.Errorf("news of the future: %v", err)
			}
		}
	})
}

// A member may tell a wrong key of an epoch that others do not know yet. What they cannot
// open with it they keep until they know better.
func TestWrongKeyOfTheNextEpoch(t *testing.T) {
	onEstate(t, membership.Root, func(t *testing.T, e *estate) {
		self, own := e.admin()
		writes, reads := e.door(self, own, nil), e.door(self, own, nil)
		out := e.revoked(e.root, e.somebody())
		e.hears(writes, out)
		epoch, sealed, err := writes.keys.Seal([]byte("e2e4"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reads.keys.learn([8]byte(epoch), make([]byte, 32)) {
			t.Fatal("the key was not taken")
		}
		if _, err := reads.keys.Open(self.public, epoch, sealed, nil); !errors.Is(err, rendezvous.ErrEpoch) {
			t.Errorf("with a wrong key: %v", err)
		}
		e.hears(reads, out)
		if plain, err := reads.keys.Open(self.public, epoch, sealed, nil); err != nil || string(plain) != "e2e4" {
			t.Errorf("with the right one: %q, %v", plain, err)
		}
		if _, err := reads.keys.Open(self.public, epoch, sealed[:len(sealed)-1], nil); err == nil || errors.Is(err, rendezvous.ErrEpoch) {
			t.Errorf("what was altered, with the right one: %v", err)
		}
	})
}
