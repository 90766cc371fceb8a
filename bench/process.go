package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// processStart is the wall time of `juxta -c version` from fork to exit, beside
// that of a Go program that does nothing.
var processStart = Experiment{
	Figures: []Figure{{Name: "process", Unit: "ms", Lower: true, Target: Target{Most: 25}}},
	Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
		dir, err := os.MkdirTemp("", "juxta-bench-")
		if err != nil {
			return nil, err
		}
		st.deferClose(func() { _ = os.RemoveAll(dir) })
		juxta, err := st.juxtaBinary(ctx, dir)
		if err != nil {
			return nil, err
		}
		nothing := filepath.Join(dir, "nothing")
		if err := build(ctx, ".", "./nothing", nothing); err != nil {
			return nil, fmt.Errorf("%w: %w", errSkip, err)
		}
		commands := [2][]string{{juxta, "-c", "version"}, {nothing}}
		return func(ctx context.Context, side Side) ([]float64, error) {
			return medianOf(st.amount(20, 3), func() (float64, error) { return runOnce(ctx, dir, commands[side]) })
		}, nil
	},
}

// juxtaBinary returns the binary to start; if none was named it is built from the
// checkout.
func (st *Stage) juxtaBinary(ctx context.Context, dir string) (string, error) {
	if st.Binary != "" {
		return filepath.Abs(st.Binary)
	}
	if st.Quick {
		return "", fmt.Errorf("%w: in quick mode juxta is not built; name it with -juxta", errSkip)
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/juxta-p2p/juxta").Output()
	if err != nil {
		return "", fmt.Errorf("%w: no checkout found: %w", errSkip, err)
	}
	binary := filepath.Join(dir, "juxta")
	if err := build(ctx, strings.TrimSpace(string(root)), "./cmd/juxta", binary); err != nil {
		return "", fmt.Errorf("%w: %w", errSkip, err)
	}
	return binary, nil
}

func build(ctx context.Context, dir, pkg, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", to, pkg)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(string(bytes.TrimSpace(text)), "\n")
		return fmt.Errorf("%s does not build: %s", pkg, first)
	}
	return nil
}

// runOnce runs a command in a home of its own.
func runOnce(ctx context.Context, home string, args []string) (float64, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return millis(began), nil
}
