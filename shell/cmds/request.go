package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var request = shell.Command{
	Name:  "request",
	Topic: topicPipes,
	Args:  "PIPE [MSG | -]",
	Short: "send a message, and wait for the reply",
	Long: `Sends a message through an output pipe, as send does, and waits for the reply to it: the other end
receives it with recv, and answers with reply. The reply is kept, and its handle printed; with -e an
element of it is printed instead, and with --json it is an object, as recv prints it, and in neither
case is it kept.

The status is 124 if there is no reply in time, and 4 if the other end is gone: nobody knows then
whether it has acted on the request. A shared pipe brings each request to one of its input ends; a
propagate pipe carries none.`,
	Example: `request -e data out -d 'what time is it?'
m = request -t 1m out msg; get $m answer`,
	Complete: completeSend,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		text := fs.StringP("data", "d", "", "send this `TEXT`")
		element := fs.StringP("element", "e", "", "print the element of this `TAG`")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for the reply; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if out.JSON && *element != "" {
				return shell.Usagef("--json prints all elements: it does not go with -e")
			}
			if err := oneMessage(fs, c, false, "an output pipe"); err != nil {
				return err
			}
			end, err := outboxOf(c, c.Args[0])
			if err != nil {
				return err
			}
			m, err := outgoing(c, *text)
			if err != nil {
				return err
			}
			short, cancel := within(ctx, c, *timeout)
			defer cancel()
			began := time.Now()
			m, err = end.Request(short, m)
			if err != nil {
				return unanswered(ctx, c.Args[0], time.Since(began), err)
			}
			l := &letter{m: m}
			if who := end.Peer(); !who.IsZero() {
				l.from = who.String()
			}
			return printReply(c, out, *element, l)
		}
	},
}

func printReply(c *shell.Call, out *shell.Output, element string, l *letter) error {
	switch {
	case out.JSON:
		return c.Rows(out).Stream().Add(l.row(), "")
	case element == "":
		return putLetter(c, l)
	}
	e, ok := l.m.Get(element)
	if !ok {
		return fmt.Errorf("%s: the reply has no such element", element)
	}
	return writeElement(c.Stdout, e)
}

// unanswered says, in a person's words, why there is no reply.
func unanswered(ctx context.Context, word string, took time.Duration, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, pipe.ErrNotBound), !errors.Is(err, pipe.ErrBroken) && !errors.Is(err, context.DeadlineExceeded):
		return endTrouble(ctx, word, err)
	case errors.Is(err, pipe.ErrBroken):
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf(
			"%s: the other end is gone: it is not known whether it has acted on the request", word)}
	}
	return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf(
		"%s: no reply in %v: recv and reply have to run at the other end, which may act on the request all the same",
		word, took.Round(time.Millisecond))}
}

var replyTo = shell.Command{
	Name:  "reply",
	Topic: topicPipes,
	Args:  "REQUEST [MSG | -]",
	Short: "answer a message whose sender waits for that",
	Long: `Answers a message that recv has kept, and that was sent by request: the request at the other end
then has the reply. What is to be replied is said as with send. Nobody but the sender gets it, and
only the first reply counts. It returns when the reply is on its way; see close for how to release the
request. The status is 4 if its sender is gone, and 1 if the message is no request.`,
	Example: `while m = recv in; do reply $m -d "$(date)"; close $m; done`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion {
		return s.CompleteHandles("msg")
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		text := fs.StringP("data", "d", "", "reply this `TEXT`")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for its sender; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if err := oneMessage(fs, c, false, "a request"); err != nil {
				return err
			}
			l, err := shell.Get[*letter](c, c.Args[0], "msg")
			if err != nil {
				return err
			}
			m, err := outgoing(c, *text)
			if err != nil {
				return err
			}
			return l.reply(ctx, c, m, *timeout)
		}
	},
}

// reply answers a request once.
func (l *letter) reply(ctx context.Context, c *shell.Call, m *message.Message, timeout time.Duration) error {
	word := c.Args[0]
	switch {
	case l.request == nil:
		return fmt.Errorf("%s: its sender waits for no reply: it was not sent by request", word)
	case l.replied.Swap(true):
		return fmt.Errorf("%s: it was replied to already", word)
	}
	short, cancel := within(ctx, c, timeout)
	defer cancel()
	err := l.request.Reply(short, m)
	if err != nil {
		l.replied.Store(false)
	}
	if errors.Is(err, pipe.ErrBroken) {
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: its sender is gone", word)}
	}
	return plain(ctx, word, err)
}
