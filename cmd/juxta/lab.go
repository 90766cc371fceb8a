package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/juxta-p2p/juxta/lab"
	"github.com/juxta-p2p/juxta/shell"
)

func labCommand(std *streams, o *options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lab",
		Short: "run worlds of many peers",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return shell.Usagef("lab demo FILE, lab run FILE, or lab check FILE?")
		},
	}
	cmd.AddCommand(
		playCommand(std, o, "demo FILE [ARG...]", "run a world and tell its story", true),
		playCommand(std, o, "run FILE [ARG...]", "run a world", false),
		labCheck(std), labClean(std), labNode(std, o),
	)
	return cmd
}

// oneFile wants the FILE of a world, and after it its operands, if it takes some.
func oneFile(more bool) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 || len(args) > 1 && !more {
			return shell.Usagef("the FILE of a world is wanted")
		}
		return nil
	}
}

func playCommand(std *streams, o *options, use, short string, narrate bool) *cobra.Command {
	var stage, figures, report string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: oneFile(true),
		Long: `Runs the script of a world of peers. On the stage local they share this process and
talk through its loopback interface. On netns, which takes Linux and root, each is a
process on a machine of its own, and networks and NATs are the kernel's.`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			src, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			log, err := newLog(o.log, std.err)
			if err != nil {
				return err
			}
			cfg := &lab.Config{
				Err: std.err, Params: args[1:], Stage: stage, Log: log,
				Node: []string{"lab", "node", "--log", o.log},
			}
			if figures != "" {
				f, err := os.Create(figures)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, f.Close()) }()
				cfg.JSON = f
			}
			ctx, hurry, stop := twiceInterruptible(cmd.Context())
			defer stop(nil)
			cfg.Hurry, cfg.Out = hurry, &audience{std.out, stop}
			if narrate {
				cfg.Narrator = cfg.Out
			}
			run, err := lab.Play(ctx, args[0], src, cfg)
			err = status(ctx, err)
			if report == "" {
				return err
			}
			_, werr := run.Write(report)
			return errors.Join(err, werr)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVar(&stage, "stage", "", "play it on `STAGE`, local or netns (default: what the script's \"# stage:\" says, or local)")
	cmd.Flags().StringVar(&report, "report", "", "write what happened to `DIRECTORY`: JSON lines, a table, a story, plots, and a page with all of that")
	cmd.Flags().StringVar(&figures, "json", "", "write each figure that is measured to `FILE`, as a line of JSON")
	return cmd
}

// audience is who hears what a world says. When nobody does any more, it is over.
type audience struct {
	out  io.Writer
	stop func(cause error)
}

func (a *audience) Write(p []byte) (int, error) {
	n, err := a.out.Write(p)
	if err != nil {
		a.stop(signaled{syscall.SIGPIPE})
	}
	return n, err
}

// twiceInterruptible is interruptible for what leaves something behind if it does not
// end in order: a second signal closes hurry, and no signal kills the process.
func twiceInterruptible(ctx context.Context) (_ context.Context, hurry chan struct{}, stop func(cause error)) {
	ctx, cancel := context.WithCancelCause(ctx)
	hurry = make(chan struct{})
	signals, ignored := make(chan os.Signal, 8), make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	signal.Notify(ignored, syscall.SIGPIPE) // who writes sees an error instead
	go func() {
		for n := 1; n <= 2; n++ {
			cancel(signaled{(<-signals).(syscall.Signal)})
		}
		close(hurry)
	}()
	return ctx, hurry, cancel
}

func labCheck(std *streams) *cobra.Command {
	var stage string
	cmd := &cobra.Command{
		Use: "check FILE", Short: "say what is wrong with a world, without running it", Args: oneFile(false),
		RunE: func(_ *cobra.Command, args []string) error {
			src, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			problems := lab.Check(args[0], src, stage)
			for _, p := range problems {
				fmt.Fprintln(std.err, p)
			}
			if len(problems) > 0 {
				return &shell.ExitError{Status: shell.StatusFailed}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "as if it were played on `STAGE`")
	return cmd
}

func labClean(std *streams) *cobra.Command {
	return &cobra.Command{
		Use: "clean", Short: "remove what labs have left that were killed", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			removed, err := lab.Clean()
			for _, what := range removed {
				fmt.Fprintln(std.out, "removed", what)
			}
			return err
		},
	}
}

// labNode is what lab run starts for each node.
func labNode(std *streams, o *options) *cobra.Command {
	return &cobra.Command{
		Use: "node", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(o.log, std.err)
			if err != nil {
				return err
			}
			ctx, stop := interruptible(cmd.Context())
			defer stop()
			return lab.ServeNode(ctx, std.in, std.out, log)
		},
	}
}
