package store

import (
	"bytes"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// limitFiles lets no file of this process grow beyond so many bytes.
func limitFiles(t *testing.T, most uint64) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: math.MaxUint64}); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk runs in a process of its own, whose files may not grow.
func TestFullDisk(t *testing.T) {
	if path := os.Getenv(childStore); path != "" {
		fillDisk(t, path)
		return
	}
	path := filepath.Join(t.TempDir(), "db")
	if out, err := child(t, path).Output(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	db := mustOpen(t, path)
	for i, got := 0, contents(t, db.Bucket("b")); i < 300; i++ {
		if key, value := numbered(i); got[key] != value {
			t.Fatalf("%d of 300 are there, and %s is %.20q", len(got), key, got[key])
		}
	}
}

func fillDisk(t *testing.T, path string) {
	signal.Ignore(syscall.SIGXFSZ)
	log := new(bytes.Buffer)
	db, err := Open(path, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	b := db.Bucket("b")
	key, value := numbered(0)
	mustPut(t, b, key, value)
	mustFlush(t, db)

	limitFiles(t, 64<<10)
	for i := 1; i < 300; i++ {
		key, value := numbered(i)
		mustPut(t, b, key, value)
	}
	for range 3 {
		if err := db.Flush(t.Context()); err == nil {
			t.Fatal("written to a full disk")
		}
	}
	if got := contents(t, b); len(got) != 1 || got[key] != value {
		t.Errorf("%d are there", len(got))
	}
	for err = nil; err == nil; key += "x" { // it does not wait for ever
		err = b.Put([]byte(key+" is too much"), make([]byte, MaxValue))
	}

	limitFiles(t, math.MaxUint64)
	mustFlush(t, db)
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "not written to disk"); n != 1 {
		t.Errorf("%d complaints:\n%s", n, log)
	}
}
