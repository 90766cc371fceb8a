package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/shell"
)

var mkmsg = shell.Command{
	Name:  "mkmsg",
	Topic: topicPipes,
	Short: "make an empty message",
	Long:  `Makes a message without elements, and prints its handle, msg0 and on. See put, and send.`,
	Example: `msg = mkmsg
put msg move e2e4`,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(_ context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			return putLetter(c, &letter{m: new(message.Message)})
		}
	},
}

// putLetter keeps a message and prints its handle.
func putLetter(c *shell.Call, l *letter) error {
	obj, err := c.Session.Put("msg", "", l)
	if err != nil {
		return err
	}
	return c.Printf("%s\n", obj.Name)
}
