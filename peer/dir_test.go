package peer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// holdDir, in the environment, makes the test binary a process that has a
// directory, says so, and waits for the end of its input.
const holdDir = "JUXTA_TEST_HOLD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdDir); dir != "" {
		p, err := Start(context.Background(), &Config{Dir: dir, Listen: []string{}})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("holding")
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = p.Close()
		os.Exit(0)
	}
	if dir := os.Getenv(meetOnLAN); dir != "" {
		os.Exit(meetSomebody(dir))
	}
	os.Exit(m.Run())
}

func TestDirectoryBelongsToOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdDir+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holding\n" {
		t.Fatalf("%q, %v", line, err)
	}
	cfg := &Config{Dir: dir, Listen: []string{}}
	_, err = Start(t.Context(), cfg)
	if want := fmt.Sprintf("PID %d", cmd.Process.Pid); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v, want ErrBusy with %s", err, want)
	}
	_ = cmd.Process.Kill() // as a crash does it
	_ = in.Close()
	_ = cmd.Wait()
	p, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), cfg); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("twice in one process: %v", err)
	}
	first := p.ID()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if p, err = Start(t.Context(), cfg); err != nil || p.ID() != first {
		t.Fatalf("another peer, or %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestStartThatWasCalledOffLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "peer")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, &Config{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("made a directory")
	}
	if _, err := Start(t.Context(), &Config{Dir: "/dev/null/peer"}); err == nil || errors.Is(err, ErrIdentity) {
		t.Errorf("a directory that cannot be: %v", err)
	}
}
