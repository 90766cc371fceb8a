package load

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

// Command finds out what to run, and makes it if need be, on the stage. It returns
// [ErrSkip] wrapped if it cannot.
type Command func(ctx context.Context, st *Stage) ([]string, error)

// processStart is the wall time of a process from fork to exit, beside that of
// another that does nothing.
func processStart(ours, nothing Command) Experiment {
	side := func(name string, command Command, targets ...Target) Side {
		return Side{Name: name, Targets: targets, Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
			home, err := os.MkdirTemp("", "juxta-bench-")
			if err != nil {
				return nil, err
			}
			st.Defer(func() { _ = os.RemoveAll(home) })
			args, err := command(ctx, st)
			return func(ctx context.Context) ([]float64, error) {
				return medianOf(st.Amount(20, 3), func() (float64, error) { return runOnce(ctx, home, args) })
			}, err
		}}
	}
	return Experiment{
		Name:     "process",
		Measures: []Measure{{Unit: "ms", Lower: true}},
		Sides:    []Side{side(juxta.name, ours), side("nothing", nothing, Target{Most: 25})},
	}
}

// runOnce runs a command in a home of its own.
func runOnce(ctx context.Context, home string, args []string) (float64, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+filepath.Join(home, "data"))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return millis(began), nil
}
