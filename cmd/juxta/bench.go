package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/juxta-p2p/juxta/internal/load"
	"github.com/juxta-p2p/juxta/shell"
)

// serveArg is the subcommand of bench that its children run.
const serveArg = "serve"

const benchHelp = `bench measures juxta beside raw go-libp2p streams, plain TCP and GossipSub as it
comes, on this machine alone: every process is its own child, and talks over
loopback. Each figure is taken in rounds, juxta and its baselines in turn. Shown
are medians with their spread, and the median of the ratios: 1 is as good as the
baseline, more is better. Other work on the machine spoils the figures.`

func benchCommand(std *streams, o *options) *cobra.Command {
	var b benchOptions
	cmd := &cobra.Command{
		Use:     "bench [flags]",
		Short:   "measure this peer beside others, on this machine",
		Long:    benchHelp,
		Example: "  juxta bench --quick\n  juxta bench --only '^messages/' --pairs 5\n  juxta bench --json --only propagate --fan 20",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return shell.Usagef("bench takes flags only, not %s", strings.Join(args, " "))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := newLog(o.log, std.err); err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return status(ctx, b.run(ctx, std))
		},
	}
	b.declare(cmd)
	cmd.AddCommand(&cobra.Command{
		Use:                serveArg,
		Hidden:             true,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := newLog("off", std.err); err != nil {
				return err
			}
			return load.Serve(cmd.Context(), args, std.in, std.out)
		},
	})
	return cmd
}

// benchOptions are what the flags say.
type benchOptions struct {
	cfg             load.Config
	only, transport string
	json            bool
}

func (b *benchOptions) declare(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&b.cfg.Quick, "quick", false, "do little work: show that all figures can be had, not what they are")
	fs.StringVar(&b.only, "only", "", "measure the figures whose names match this `REGEXP`")
	fs.IntVar(&b.cfg.Rounds, "pairs", 0, "take `N` samples of juxta and of each baseline (default 7, or 2 with --quick)")
	fs.StringVar(&b.transport, "transport", load.OverTCP, "`TRANSPORT` of the peers: tcp, quic or both, one after the other")
	fs.IntSliceVar(&b.cfg.Fans, "fan", nil, "propagate to this `NUMBER` of subscribers; may be repeated (default 10 and 50, or 10 with --quick)")
	fs.BoolVar(&b.json, "json", false, "write one JSON object a line instead of a table")
}

// run measures. What was measured before something went wrong is written, too.
func (b *benchOptions) run(ctx context.Context, std *streams) error {
	cfg := b.cfg
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if cfg.Transports, err = load.Transports(b.transport); err != nil {
		return shell.Usagef("%v", err)
	}
	if cfg.Only, err = regexp.Compile(b.only); err != nil {
		return shell.Usagef("--only: %v", err)
	}
	cfg.Child = []string{self, "bench", serveArg}
	cfg.Process = func(context.Context, *load.Stage) ([]string, error) { return []string{self, "-c", "version"}, nil }
	cfg.Nothing = nothing
	cfg.Progress = std.err
	results, err := load.Run(ctx, &cfg)
	if errors.Is(err, load.ErrConfig) {
		return shell.Usagef("%v", err)
	}
	if len(results) == 0 {
		return err
	}
	write := load.WriteTable
	if b.json {
		write = load.WriteJSON
	}
	return errors.Join(err, write(std.out, results))
}

// nothing is the command of a program that does nothing.
func nothing(context.Context, *load.Stage) ([]string, error) {
	file, err := exec.LookPath("true")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", load.ErrSkip, err)
	}
	return []string{file}, nil
}
