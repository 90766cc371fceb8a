package cmds

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var more = shell.Command{
	Name:  "more",
	Topic: topicText,
	Args:  "[OBJECT|FILE...]",
	Short: "show text page by page",
	Long: `Shows objects' documents, files, or standard input page by page on a terminal: with the
program in PAGER if that is set and operating-system commands are on, otherwise by itself:
Enter shows the next page, q ends. Where there is no terminal it is cat.`,
	Example: `man grep | more`,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			if !c.Terminal() {
				return copyAll(c, c.Stdout)
			}
			var text bytes.Buffer
			if err := copyAll(c, &text); err != nil {
				return err
			}
			if c.Var("PAGER") != "" && !c.Session.Restricted() {
				return c.Eval(ctx, "$PAGER", &text, nil)
			}
			return pages(ctx, c, &text)
		}
	},
}

func copyAll(c *shell.Call, w io.Writer) error {
	return eachInput(c, c.Args, func(_ string, r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	})
}

// pages shows text by screenfuls. Answers come from the terminal itself, since
// standard input may be what is shown.
func pages(ctx context.Context, c *shell.Call, text *bytes.Buffer) error {
	_, height := c.Size()
	tty, err := os.Open("/dev/tty")
	if err != nil {
		_, err = text.WriteTo(c.Stdout)
		return err
	}
	defer tty.Close()
	defer context.AfterFunc(ctx, func() { tty.Close() })()
	answers := bufio.NewReader(tty)
	for n := 1; text.Len() > 0; n++ {
		line, _ := text.ReadString('\n') // its only error is the end
		if err := c.Printf("%s", line); err != nil {
			return err
		}
		if n%max(height-1, 1) == 0 && text.Len() > 0 {
			c.Printf("--more--")
			answer, err := answers.ReadString('\n')
			if err != nil || strings.HasPrefix(answer, "q") {
				return ctx.Err()
			}
		}
	}
	return nil
}
