package main

import (
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
		RunE:               func(cmd *cobra.Command, args []string) error { return oneCommand(cmd, std, "man", args) },
	}
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
