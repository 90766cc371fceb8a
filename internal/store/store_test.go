package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func mustOpen(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func mustPut(t testing.TB, b *Bucket, key, value string) {
	t.Helper()
	if err := b.Put([]byte(key), []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func mustFlush(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// contents also sees that keys come in order.
func contents(t testing.TB, b *Bucket) map[string]string {
	t.Helper()
	m, last := map[string]string{}, ""
	err := b.Each(func(key, value []byte) error {
		if string(key) <= last {
			t.Errorf("%q comes after %q", key, last)
		}
		last = string(key)
		m[last] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatWasPutIsThereAfterwards(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := mustOpen(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	a, b := db.Bucket("a"), db.Bucket("b")
	value := []byte("one")
	if err := a.Put([]byte("1"), value); err != nil {
		t.Fatal(err)
	}
	value[0] = 'O' // it is ours again
	mustPut(t, a, "empty", "")
	mustPut(t, a, "2", "two")
	mustPut(t, a, "2", "zwei")
	mustPut(t, a, "3", "three")
	mustPut(t, b, "1", "uno")
	if err := errors.Join(a.Delete([]byte("3")), b.Delete([]byte("never there"))); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil { // without a Flush
		t.Fatal(err)
	}
	db = mustOpen(t, path)
	if got, want := contents(t, db.Bucket("a")), map[string]string{"1": "one", "2": "zwei", "empty": ""}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := contents(t, db.Bucket("b")), map[string]string{"1": "uno"}; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := contents(t, db.Bucket("never made")); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestLikeAMap does the same to a store and to maps.
func TestLikeAMap(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "db")
	db := mustOpen(t, path)
	want := []map[string]string{{}, {}}
	for range 20 {
		for range rnd.IntN(500) {
			n := rnd.IntN(len(want))
			b, key := db.Bucket(fmt.Sprint(n)), fmt.Sprint(rnd.IntN(400))
			if rnd.IntN(3) == 0 {
				delete(want[n], key)
				if err := b.Delete([]byte(key)); err != nil {
					t.Fatal(err)
				}
			} else {
				value := strings.Repeat(key, rnd.IntN(2000))
				want[n][key] = value
				mustPut(t, b, key, value)
			}
		}
		if rnd.IntN(4) == 0 {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = mustOpen(t, path)
		} else {
			mustFlush(t, db)
		}
		for n := range want {
			if got := contents(t, db.Bucket(fmt.Sprint(n))); !maps.Equal(got, want[n]) {
				t.Fatalf("bucket %d: %d pairs, want %d, or others", n, len(got), len(want[n]))
			}
		}
	}
}

func TestEach(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "db"))
	b := db.Bucket("b")
	n := 2*chunkPairs + 1
	for i := range n {
		mustPut(t, b, fmt.Sprintf("%06d", i), "")
	}
	for i := range 3 {
		mustPut(t, b, fmt.Sprintf("z%d", i), strings.Repeat("x", MaxValue))
	}
	mustFlush(t, db)
	if got := contents(t, b); len(got) != n+3 {
		t.Errorf("%d pairs, want %d", len(got), n+3)
	}
	var kept [][]byte
	err := b.Each(func(key, value []byte) error { // which changes what it walks
		kept = append(kept, key, value)
		if err := b.Delete(key); err != nil {
			return err
		}
		return db.Flush(t.Context())
	})
	if err != nil || len(kept) != 2*(n+3) || string(kept[0]) != "000000" || len(kept[len(kept)-1]) != MaxValue {
		t.Errorf("%v, %d slices", err, len(kept))
	}
	if got := contents(t, b); len(got) != 0 {
		t.Errorf("%d left", len(got))
	}
	mustPut(t, b, "1", "")
	mustPut(t, b, "2", "")
	mustFlush(t, db)
	calls, stop := 0, errors.New("enough")
	if err := b.Each(func(_, _ []byte) error { calls++; return stop }); err != stop || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestSizes(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "db"))
	long := strings.Repeat("k", MaxKey)
	for _, test := range []struct {
		name, key string
		value     int
		want      error
	}{
		{"b", "k", 0, nil},
		{long, long, MaxValue, nil},
		{"b", "", 0, ErrSize},
		{"", "k", 0, ErrSize},
		{long + "k", "k", 0, ErrSize},
		{"b", long + "k", 0, ErrSize},
		{"b", "k", MaxValue + 1, ErrSize},
	} {
		err := db.Bucket(test.name).Put([]byte(test.key), make([]byte, test.value))
		if !errors.Is(err, test.want) {
			t.Errorf("%d, %d, %d: %v", len(test.name), len(test.key), test.value, err)
		}
		mustFlush(t, db)
	}
}

func TestOneAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := mustOpen(t, path)
	if _, err := Open(path, nil); !errors.Is(err, ErrLocked) || errors.Is(err, ErrCorrupt) {
		t.Errorf("%v, want ErrLocked", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path)
}

func TestClosed(t *testing.T) {
	db := mustOpen(t, filepath.Join(t.TempDir(), "db"))
	b := db.Bucket("b")
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	for name, err := range map[string]error{
		"put": b.Put([]byte("k"), nil), "delete": b.Delete([]byte("k")), "flush": db.Flush(t.Context()),
		"each": b.Each(func(_, _ []byte) error { return nil }),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNotOurFault(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none", "db"), nil); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrCorrupt) {
		t.Errorf("no directory: %v", err)
	}
	path := filepath.Join(dir, "db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustPut(t, mustOpen(t, path).Bucket("b"), "an empty file", "is a new one")
}

// TestTogether has several write and wait, read and close at the same time.
func TestTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := mustOpen(t, path)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			b := db.Bucket(fmt.Sprint(w % 3))
			for i := range 100 {
				if err := b.Put(fmt.Appendf(nil, "%d-%d", w, i), bytes.Repeat([]byte{byte(w)}, 1000)); err != nil {
					t.Error(err)
				}
				if i%10 == 9 {
					if err := db.Flush(t.Context()); err != nil {
						t.Error(err)
					}
					if err := b.Each(func(_, _ []byte) error { return nil }); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				err := db.Bucket("last").Put(fmt.Append(nil, i), nil)
				if errors.Is(err, os.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	db, n := mustOpen(t, path), 0
	for w := range 3 {
		n += len(contents(t, db.Bucket(fmt.Sprint(w))))
	}
	if n != 800 {
		t.Errorf("%d pairs, want 800", n)
	}
}
