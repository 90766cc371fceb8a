package cmds

import (
	"context"
	"io"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var cat = shell.Command{
	Name:  "cat",
	Topic: topicText,
	Args:  "[OBJECT|FILE...]",
	Short: "print objects and files",
	Long: `Prints objects as their documents: an advertisement as the XML that was signed, a message
as its elements. What is no object is a file; "-" or nothing is standard input.`,
	Example: `cat adv0
cat $adv0 | grep Name`,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(_ context.Context, c *shell.Call) error {
			return eachInput(c, c.Args, func(_ string, r io.Reader) error {
				_, err := io.Copy(c.Stdout, r)
				return err
			})
		}
	},
}
