package lab

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
)

func (w *World) onCommand() shell.Command {
	return shell.Command{
		Name: "on", Topic: topicWorld, Args: "NODE {LINE | COMMAND [ARG...]}",
		Short: "run a command at a peer",
		Long: `Runs a command in the shell of a node, whose variables and objects stay from one command to
the next. A single operand is a line of shell, anything that could be typed there.`,
		Example: `on alice whoami
on bob 'm = recv in; get $m move'`,
		Raw: true,
		New: func(*pflag.FlagSet) shell.RunFunc {
			return func(ctx context.Context, c *shell.Call) error {
				if len(c.Args) < 2 {
					return shell.Usagef("a node and a command are wanted")
				}
				n, err := w.node(c.Args[0])
				if err != nil {
					return err
				}
				line, err := lineOf(c.Args[1:])
				if err != nil {
					return err
				}
				w.mu.Lock()
				w.lines++
				w.mu.Unlock()
				w.narrate("%s> %s", n.name, line)
				err = n.run(ctx, line, c.Stdout)
				var exit *shell.ExitError
				if errors.As(err, &exit) {
					return &shell.ExitError{Status: exit.Status} // the node's shell has said why
				}
				return err
			}
		},
	}
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
