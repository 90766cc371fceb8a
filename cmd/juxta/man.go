package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

func manCommand(std *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man [-k WORD] [COMMAND]",
		Short: "show the manual page of a shell command, or list the commands",
		// The shell's own command parses its flags.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if sub := elsewhere(cmd.Root(), args); sub != nil {
				return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf(
					"%s: no command of the shell, but one of the program; see %s --help", args[0], sub.CommandPath())}
			}
			return oneCommand(cmd, std, "man", args)
		},
	}
}

// elsewhere finds the subcommand that is meant where a command of the shell is wanted: nil
// if there is none, or one of the shell of that name.
func elsewhere(root *cobra.Command, args []string) *cobra.Command {
	if len(args) != 1 || slices.ContainsFunc(cmds.All(), func(c shell.Command) bool { return c.Name == args[0] }) {
		return nil
	}
	for _, sub := range root.Commands() {
		if sub.Name() == args[0] {
			return sub
		}
	}
	return nil
}

func versionCommand(std *streams) *cobra.Command {
	return &cobra.Command{
		Use:                "version [--json]",
		Short:              "show the version",
		DisableFlagParsing: true,
		RunE:               func(cmd *cobra.Command, args []string) error { return oneCommand(cmd, std, "version", args) },
	}
}

// oneCommand runs one command of the shell that needs no peer.
func oneCommand(cmd *cobra.Command, std *streams, name string, words []string) error {
	s, err := shell.NewSession(&shell.Config{}, cmds.All()...)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, stop := interruptible(cmd.Context())
	defer stop()
	c := &shell.Call{Name: name, Words: words, Stdin: std.in, Stdout: std.out, Stderr: std.err}
	if status := s.Exec(ctx, c); status != 0 {
		return &shell.ExitError{Status: status}
	}
	return nil
}
