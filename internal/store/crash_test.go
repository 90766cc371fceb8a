package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// childStore, in the environment, is the file of a test that runs once more as a
// process of its own.
const childStore = "JUXTA_TEST_STORE"

// child is that process. Its standard error is ours.
func child(t *testing.T, path string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), childStore+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

func numbered(i int) (key, value string) {
	return fmt.Sprintf("%08d", i), strings.Repeat(strconv.Itoa(i), 1+i%300)
}

// writeNumbers goes on where the file ends, for ever, and says how far it is safe.
func writeNumbers(t *testing.T, path string) {
	db := mustOpen(t, path)
	b := db.Bucket("numbers")
	for i := len(contents(t, b)); ; i++ {
		key, value := numbered(i)
		mustPut(t, b, key, value)
		if i%3 == 0 {
			mustFlush(t, db)
			fmt.Println(i)
		}
	}
}

func TestKilledProcessKeepsWhatItAcknowledged(t *testing.T) {
	if path := os.Getenv(childStore); path != "" {
		writeNumbers(t, path)
	}
	path := filepath.Join(t.TempDir(), "db")
	for round := range 8 {
		cmd := child(t, path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := -1
		for lines, n := bufio.NewScanner(out), 0; lines.Scan(); n++ {
			if n == 7*round {
				_ = cmd.Process.Kill() // and read on: what it said before counts
			}
			if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(lines.Text())
			}
		}
		_ = cmd.Wait()
		db := mustOpen(t, path)
		got := contents(t, db.Bucket("numbers"))
		if acknowledged < 0 || len(got) <= acknowledged {
			t.Errorf("round %d: %d are there, and %d was acknowledged", round, len(got), acknowledged)
		}
		for i := range len(got) { // without a gap
			if key, value := numbered(i); got[key] != value {
				t.Fatalf("round %d: %s is %.20q", round, key, got[key])
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
