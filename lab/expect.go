package lab

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

func expectCommand() shell.Command {
	return shell.Command{
		Name: "expect", Topic: topicWorld, Args: "PATTERN",
		Short: "fail unless the input has a line that matches",
		Long: `Copies its input to its output, and fails unless a line of it matches the regular
expression PATTERN (RE2). ^ and $ stand for the ends of a line.`,
		Example: `on bob get msg move | expect '^e2e4$'`,
		New: func(*pflag.FlagSet) shell.RunFunc {
			return func(_ context.Context, c *shell.Call) error {
				if len(c.Args) != 1 {
					return shell.Usagef("one pattern is wanted")
				}
				re, err := regexp.Compile("(?m:" + c.Args[0] + ")")
				if err != nil {
					return shell.Usagef("%v", err)
				}
				text, err := io.ReadAll(c.Stdin)
				if err != nil {
					return err
				}
				if _, err := c.Stdout.Write(text); err != nil {
					return err
				}
				if !re.Match(text) {
					return fmt.Errorf("%s: no line matches", c.Args[0])
				}
				return nil
			}
		},
	}
}
