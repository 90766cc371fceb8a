package transfer

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
)

const childDir = "JUXTA_TEST_TRANSFER_DIR"

// TestFullDisk runs in a process of its own, whose files may not grow.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(childDir); dir != "" {
		fillDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childDir+"="+t.TempDir())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, to string) {
	signal.Ignore(syscall.SIGXFSZ)
	body := content(20 * maxChunk)
	from := t.TempDir()
	big, small := source(t, put(t, from, "big", body)), source(t, put(t, from, "small", body[:10]))
	limitFiles(t, 3*maxChunk)
	var got log
	r := &Receiver{Dir: to, Done: got.add}
	for range 2 {
		_, err, _ := attempt(t, r, nil, big)
		if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "no space is left on the receiver's disk") {
			t.Error(err)
		}
	}
	if sent, err, rerr := attempt(t, r, nil, big, small); err != nil || rerr != nil || sent.Saved != "small" {
		t.Error(sent, err, rerr) // the connection is as good as it was
	}
	limitFiles(t, math.MaxUint64)
	sent, err, _ := attempt(t, r, nil, big)
	if err != nil || sent.Start != 3*maxChunk || files(t, to)["big"] != string(body) {
		t.Error(sent, err)
	}
	if first := got.all[0]; !errors.Is(first.Err, ErrNoSpace) || first.Saved != "" {
		t.Errorf("%+v", first)
	}
}

func limitFiles(t *testing.T, most uint64) {
	t.Helper()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: most, Max: math.MaxUint64}); err != nil {
		t.Fatal(err)
	}
}
