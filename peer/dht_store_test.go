package peer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/juxta-p2p/juxta/peer"
)

func record(group, provider int) datastore.Key {
	return datastore.NewKey(fmt.Sprintf("/providers/G%d/P%d", group, provider))
}

// TestRecordStoreAgainstModel compares it with a map that counts when it is asked.
func TestRecordStoreAgainstModel(t *testing.T) {
	ctx := context.Background()
	s := peer.NewRecordStore()
	var model [3]map[int]bool // the groups of each provider
	for i := range model {
		model[i] = map[int]bool{}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		b, err := s.Batch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		provider, remove := rnd.IntN(len(model)), rnd.IntN(3) == 0
		kept := model[provider]
		for range 200 { // a batch has no order: so it only adds or only removes
			g := rnd.IntN(2 * peer.MaxRecordsOfOne)
			if remove {
				err = b.Delete(ctx, record(g, provider))
				delete(kept, g)
			} else if kept[g] || len(kept) < peer.MaxRecordsOfOne {
				err = b.Put(ctx, record(g, provider), []byte{1})
				kept[g] = true
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if len(kept) == peer.MaxRecordsOfOne { // one more
			if err := s.Put(ctx, record(2*peer.MaxRecordsOfOne, provider), []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := stored(t, s), len(model[0])+len(model[1])+len(model[2]); got != want {
			t.Fatalf("%d records, want %d", got, want)
		}
		for g := range 2 * peer.MaxRecordsOfOne {
			if known, err := s.Has(ctx, record(g, provider)); err != nil || known != kept[g] {
				t.Fatalf("group %d: %t, want %t; %v", g, known, kept[g], err)
			}
		}
	}
}

func TestRecordStoreIsBounded(t *testing.T) {
	ctx := context.Background()
	s := peer.NewRecordStore()
	put := func(group, provider int) {
		if err := s.Put(ctx, record(group, provider), []byte{1}); err != nil {
			t.Fatal(err)
		}
	}
	for p := range 2 * peer.MaxRecords / peer.MaxRecordsOfOne {
		for g := range 2 * peer.MaxRecordsOfOne {
			put(g, p)
		}
		if want := min((p+1)*peer.MaxRecordsOfOne, peer.MaxRecords); stored(t, s) != want {
			t.Fatalf("%d records of %d providers, want %d", stored(t, s), p+1, want)
		}
	}
	put(0, 0) // is known: renewed
	if err := s.Delete(ctx, record(0, 0)); err != nil {
		t.Fatal(err)
	}
	put(0, 1<<20) // there is room again
	put(1, 1<<20) // for one
	if n := stored(t, s); n != peer.MaxRecords {
		t.Errorf("%d records, want %d", n, peer.MaxRecords)
	}
	if known, err := s.Has(ctx, record(0, 1<<20)); err != nil || !known {
		t.Errorf("%t, %v", known, err)
	}
}

func stored(t *testing.T, s datastore.Datastore) int {
	t.Helper()
	all, err := s.Query(context.Background(), query.Query{KeysOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := all.Rest()
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
