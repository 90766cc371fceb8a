package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

const longHelp = `juxta is a peer of an overlay, with a shell to drive it.

Peers find each other through seeds and on the local network, publish signed
advertisements, search for them, and talk through pipes. Without operands juxta
is interactive; "man" at its prompt lists the commands. A script is POSIX shell
in which our commands are built in.

Every flag can be given as a variable: --name as JUXTA_NAME, --no-mdns as
JUXTA_NO_MDNS=true; several values are separated by commas.`

const examples = `  juxta --name alice
  juxta --name bob --seed /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…
  juxta -c 'whoami --json' | jq -r .id
  juxta play.jx white black
  juxta lab demo docs/demo/hello.jx`

// newRoot makes the command line.
func newRoot(std *streams) *cobra.Command {
	var o options
	var version bool
	cmd := &cobra.Command{
		Use:           "juxta [flags] [-c LINE | FILE | -] [ARG...]",
		Short:         "a peer of the overlay, and its shell",
		Long:          longHelp,
		Example:       examples,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd.Flags())
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if version {
				return oneCommand(cmd, std, "version", nil)
			}
			return runShell(cmd.Context(), std, &o, cmd.Flags().Changed("command"), args)
		},
	}
	cmd.SetIn(std.in)
	cmd.SetOut(std.out)
	cmd.SetErr(std.err)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return shell.Usagef("%v", err) })
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().StringVarP(&o.line, "command", "c", "", "run this `LINE` and exit with its status")
	cmd.Flags().BoolVarP(&o.noRC, "no-rc", "x", false, "do not run ~/.juxta/juxtarc")
	cmd.Flags().BoolVar(&version, "version", false, "show the version")
	o.declare(cmd.PersistentFlags())
	cmd.AddCommand(versionCommand(std), manCommand(std), labCommand(std, &o), benchCommand(std, &o))
	return cmd
}

// noVariables are flags that are for one call.
var noVariables = []string{"command", "help", "version"}

// fromEnvironment sets the flags that were not given from JUXTA_ variables.
func fromEnvironment(flags *pflag.FlagSet) error {
	var bad error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "JUXTA_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || f.Changed || slices.Contains(noVariables, f.Name) || bad != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			bad = shell.Usagef("%s=%s: %v", name, value, err)
		}
	})
	return bad
}

// runShell runs a line, a script, or the prompt.
func runShell(ctx context.Context, std *streams, o *options, hasLine bool, args []string) error {
	switch {
	case hasLine:
		name := "juxta"
		if len(args) > 0 {
			name, args = args[0], args[1:]
		}
		return runScript(ctx, std, o, name, strings.NewReader(o.line), args)
	case len(args) > 0 && args[0] != "-":
		f, err := os.Open(args[0])
		if errors.Is(err, fs.ErrNotExist) {
			return &shell.ExitError{Status: shell.StatusNotFound, Err: fmt.Errorf("%s: no such script or subcommand", args[0])}
		}
		if err != nil {
			return err
		}
		defer f.Close()
		return runScript(ctx, std, o, args[0], f, args[1:])
	case len(args) > 0:
		return runScript(ctx, std, o, "juxta", std.in, args[1:])
	case !isTerminal(std.in):
		return runScript(ctx, std, o, "juxta", std.in, nil)
	}
	return runPrompt(ctx, std, o)
}
