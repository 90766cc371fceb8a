package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func runBench(t *testing.T, args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, "juxta", append([]string{"bench"}, args...)...)
}

// Each figure is a line of JSON, and nothing else is written to standard output.
func TestBench(t *testing.T) {
	var out, progress bytes.Buffer
	cmd := runBench(t, "--quick", "--pairs", "1", "--json", "--only", "process|start|cold|messages/|stream")
	cmd.Stdout, cmd.Stderr = &out, &progress
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &progress)
	}
	lines := 0
	for text := range bytes.Lines(out.Bytes()) {
		var l struct {
			Name, Unit             string
			Value, Baseline, Ratio float64
			Target                 *string
		}
		if err := json.Unmarshal(text, &l); err != nil || l.Name == "" || l.Unit == "" || l.Value <= 0 || l.Baseline <= 0 || l.Ratio <= 0 || l.Target == nil {
			t.Errorf("%s: %v", text, err)
		}
		lines++
	}
	if lines != 7 || !strings.Contains(progress.String(), "measuring cold/tcp/libp2p\n") {
		t.Errorf("%d lines, and on stderr:\n%s", lines, &progress)
	}
}

// Ctrl-C ends it, and its children: they have its standard error, which ends when the
// last of them has.
func TestBenchInterrupted(t *testing.T) {
	cmd := runBench(t, "--pairs", "1000000", "--only", "stream/tcp/socket")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr = w
	err = cmd.Start()
	_ = w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, len("measuring"))); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || strings.Contains(string(rest), "juxta:") {
		t.Errorf("%q, %v", rest, err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v", err)
	}
}

func TestBenchUsage(t *testing.T) {
	for _, args := range []string{"x", "--pairs -1", "--fan 0", "--fan few", "--only (", "--only ^nothing$", "--transport rail"} {
		text, err := runBench(t, strings.Fields(args)...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(text), "juxta: try juxta --help") {
			t.Errorf("%s: %v: %s", args, err, text)
		}
	}
}
