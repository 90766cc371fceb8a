package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var send = shell.Command{
	Name:  "send",
	Topic: topicPipes,
	Args:  "PIPE [MSG | -]",
	Short: "send a message through an output pipe",
	Long: `Sends a message: one that was made, or one with a single element of the name "data" that
holds standard input or TEXT. It returns when the message is on its way, and waits while the
receiver does not keep up. The status is 4 if the receiver is gone.`,
	Example: `send out msg
send out -d 'your move'
tar c board | send out -`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		text := fs.StringP("data", "d", "", "send this `TEXT`")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for the receiver; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			given := 2
			if fs.Changed("data") {
				given = 1
			}
			if len(c.Args) != given {
				return shell.Usagef("an output pipe and one message are wanted")
			}
			out, err := shell.Get[*pipe.Output](c, c.Args[0], "out")
			if err != nil {
				return err
			}
			m, err := outgoing(c, *text)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			err = out.Send(ctx, m)
			if err != nil && ctx.Err() == nil {
				return plain(ctx, c.Args[0], err)
			}
			return err
		}
	},
}

// outgoing is the message that the operands name.
func outgoing(c *shell.Call, text string) (*message.Message, error) {
	if len(c.Args) == 1 {
		m := new(message.Message)
		m.Add("data", textMIME, []byte(text))
		return m, nil
	}
	if c.Args[1] == "-" {
		data, err := readAll(c, "-", message.MaxSize)
		if err != nil {
			return nil, err
		}
		m := new(message.Message)
		m.Add("data", "", data)
		return m, nil
	}
	l, err := shell.Get[*letter](c, c.Args[1], "msg")
	if err != nil {
		return nil, err
	}
	return l.message(), nil
}
