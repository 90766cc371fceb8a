package lab

import (
	"context"
	"fmt"
	"io"
	"regexp"

	"github.com/juxta-p2p/juxta/shell"
)

var expectWord = shell.Command{
	Name: "expect", Args: "PATTERN",
	Short: "fail unless the input has a line that matches",
	Long: `Copies its input to its output, and fails unless a line of it matches the regular
expression PATTERN (RE2). ^ and $ stand for the ends of a line.`,
	Example: `on bob get msg move | expect '^e2e4$'`,
}

type expectVerb struct {
	noFlags
	noNames
	re *regexp.Regexp
}

func (v *expectVerb) check(args, _ []string) (err error) {
	if len(args) != 1 {
		return shell.Usagef("one pattern is wanted")
	}
	if v.re, err = regexp.Compile("(?m:" + args[0] + ")"); err != nil {
		return shell.Usagef("%v", err)
	}
	return nil
}

func (v *expectVerb) run(_ context.Context, c *shell.Call) error {
	text, err := io.ReadAll(c.Stdin)
	if err != nil {
		return err
	}
	if _, err := c.Stdout.Write(text); err != nil {
		return err
	}
	if !v.re.Match(text) {
		return fmt.Errorf("%s: no line matches", c.Args[0])
	}
	return nil
}
