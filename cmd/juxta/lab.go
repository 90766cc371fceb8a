package main

import (
	"os"

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
			return shell.Usagef("lab demo FILE, or lab run FILE?")
		},
	}
	play := func(use, short string, narrate bool) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short,
			Args: func(_ *cobra.Command, args []string) error {
				if len(args) == 0 {
					return shell.Usagef("the FILE of a world is wanted")
				}
				return nil
			},
			RunE: func(cmd *cobra.Command, args []string) error {
				src, err := os.ReadFile(args[0])
				if err != nil {
					return err
				}
				log, err := newLog(o.log, std.err)
				if err != nil {
					return err
				}
				cfg := &lab.Config{Out: std.out, Err: std.err, Params: args[1:], Log: log}
				if narrate {
					cfg.Narrator = std.out
				}
				ctx, stop := interruptible(cmd.Context())
				defer stop()
				return status(ctx, lab.Play(ctx, args[0], src, cfg))
			},
		}
	}
	cmd.AddCommand(
		play("demo FILE [ARG...]", "run a world and tell its story", true),
		play("run FILE [ARG...]", "run a world", false),
	)
	return cmd
}
