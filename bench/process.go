package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/juxta-p2p/juxta/internal/load"
)

// version is the command "juxta -c version" of a binary; "": it is built from the
// checkout.
func version(binary string) load.Command {
	return func(ctx context.Context, st *load.Stage) ([]string, error) {
		file, err := filepath.Abs(binary)
		if binary == "" {
			file, err = buildJuxta(ctx, st)
		}
		return []string{file, "-c", "version"}, err
	}
}

func buildJuxta(ctx context.Context, st *load.Stage) (string, error) {
	if st.Quick {
		return "", fmt.Errorf("%w: in quick mode juxta is not built; name it with -juxta", load.ErrSkip)
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/juxta-p2p/juxta").Output()
	if err != nil {
		return "", fmt.Errorf("%w: no checkout found: %w", load.ErrSkip, err)
	}
	return build(ctx, st, strings.TrimSpace(string(root)), "./cmd/juxta")
}

// nothing is the command of a Go program that does nothing.
func nothing(ctx context.Context, st *load.Stage) ([]string, error) {
	file, err := build(ctx, st, ".", "./nothing")
	return []string{file}, err
}

// build builds a program for as long as the stage stands.
func build(ctx context.Context, st *load.Stage, dir, pkg string) (string, error) {
	home, err := os.MkdirTemp("", "juxta-bench-")
	if err != nil {
		return "", err
	}
	st.Defer(func() { _ = os.RemoveAll(home) })
	file := filepath.Join(home, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", file, pkg)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		first, _, _ := strings.Cut(string(bytes.TrimSpace(text)), "\n")
		return "", fmt.Errorf("%w: %s does not build: %s", load.ErrSkip, pkg, first)
	}
	return file, nil
}
