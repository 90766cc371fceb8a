package lab

import (
	"context"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
)

var onWord = shell.Command{
	Name: "on", Args: "NODE {LINE | COMMAND [ARG...]}",
	Short: "run a command at a peer",
	Long: `Runs a command in the shell of a node, whose variables and objects stay from one command to
the next. A single operand is a line of shell, anything that could be typed there. The
status is that of the command.

While a command runs at a node, as after &, another one runs beside it: in a shell that has
the node's objects, but not its variables.`,
	Example: `on alice whoami
on bob 'm = recv in; get $m move'
on alice ping -c 1 bob || test $? = 3`,
	Raw: true,
}

type onVerb struct {
	noFlags
	world *World
}

func (v *onVerb) check(args, _ []string) error {
	if len(args) < 2 {
		return shell.Usagef("a node and a command are wanted")
	}
	return nil
}

func (v *onVerb) names(args []string) (made, wanted []string) { return nil, args[:1] }

func (v *onVerb) run(ctx context.Context, c *shell.Call) error {
	_, err := v.world.on(ctx, c, c.Args)
	return err
}

// on runs the operands of an on: a node, and a line or words.
func (w *World) on(ctx context.Context, c *shell.Call, args []string) (span, error) {
	line, err := lineOf(args[1:])
	if err != nil {
		return span{}, err
	}
	sp, err := w.at(ctx, args[0], line, c.Stdout, c.Stderr)
	if err == nil && sp.status != 0 {
		err = &shell.ExitError{Status: sp.status} // the node's shell has said why
	}
	return sp, err
}

// lineOf makes a line of shell of one word as it stands, or of several quoted ones.
func lineOf(words []string) (string, error) {
	if len(words) == 1 {
		return words[0], nil
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		q, err := syntax.Quote(word, syntax.LangPOSIX)
		if err != nil {
			return "", err
		}
		quoted[i] = q
	}
	return strings.Join(quoted, " "), nil
}
