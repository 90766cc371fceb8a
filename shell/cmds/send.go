package cmds

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var send = shell.Command{
	Name:  "send",
	Topic: topicPipes,
	Args:  "PIPE [MSG | -]",
	Short: "send messages through an output pipe",
	Long: `Sends a message: one that was made, or one with a single element of the name "data" that
holds standard input or TEXT. With -L each line of standard input is a message, without its
newline. It returns when all is on its way, and waits while the receiver does not keep up, up to -t
for each message. The status is 4 if the receiver is gone, and 124 if -t passes: the message was
not sent then. What is on its way arrives unless the receiver is gone for good, or this peer ends:
close, and the end of the session, wait for that up to 10s.

With -r it waits for the receipt: until recv, or whatever receives at the other end, has taken the
message; of a propagate pipe, at every subscriber. It prints how many have. The status is 4 if a
propagate pipe has no subscriber, and 124 if it was not taken in time: it says who lags, and the
message may arrive later. With --json a receipt is an object with acknowledged, a number, and lagging,
a list of objects with name and id. With -L every line waits for its receipt before the next is sent.`,
	Example: `send out msg
send -r out -d 'your move'
tar c board | send out -
tail -f log | send -L out`,
	Complete: completeSend,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		f := &sendFlags{out: shell.JSONFlag(fs)}
		fs.StringVarP(&f.text, "data", "d", "", "send this `TEXT`")
		fs.BoolVarP(&f.lines, "lines", "L", false, "send each line of standard input as a message")
		fs.BoolVarP(&f.receipt, "receipt", "r", false, "wait until it was taken")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for the receiver; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			switch {
			case f.out.JSON && !f.receipt:
				return shell.Usagef("--json goes with -r: only a receipt is printed")
			case f.lines && (len(c.Args) != 1 || fs.Changed("data")):
				return shell.Usagef("with -L an output pipe is wanted, and the messages are on standard input")
			}
			if err := oneMessage(fs, c, f.lines, "an output pipe"); err != nil {
				return err
			}
			end, err := outboxOf(c, c.Args[0])
			if err != nil {
				return err
			}
			if f.timeout = *timeout; f.timeout == 0 {
				f.timeout = c.Session.Timeout()
			}
			s := &sending{c: c, flags: f, end: end}
			if f.lines {
				return s.lines(ctx)
			}
			m, err := outgoing(c, f.text)
			if err != nil {
				return err
			}
			return s.send(ctx, m)
		}
	},
}

// completeSend suggests output pipes, and messages to send.
func completeSend(s *shell.Session, before []string, _ string) []shell.Suggestion {
	for _, word := range before {
		if obj, ok := s.Lookup(word); ok && obj.Kind == "out" {
			return s.CompleteHandles("msg")
		}
	}
	return s.CompleteHandles("out")
}

// oneMessage checks that the operands name something, and one message unless there is
// another source of it.
func oneMessage(fs *pflag.FlagSet, c *shell.Call, elsewhere bool, something string) error {
	want := 2
	if elsewhere || fs.Changed("data") {
		want = 1
	}
	if len(c.Args) != want {
		return shell.Usagef("%s and one message are wanted: a handle, - for standard input, or -d TEXT", something)
	}
	return nil
}

// outgoing is the message that the operands after the first name, or that holds text.
func outgoing(c *shell.Call, text string) (*message.Message, error) {
	m := new(message.Message)
	if len(c.Args) == 1 {
		m.Add(dataElement, textMIME, []byte(text))
		return m, nil
	}
	if c.Args[1] == "-" {
		data, err := readAll(c, "-", message.MaxSize)
		if err != nil {
			return nil, err
		}
		m.Add(dataElement, "", data)
		return m, nil
	}
	l, err := shell.Get[*letter](c, c.Args[1], "msg")
	if err != nil {
		return nil, err
	}
	return l.message(), nil
}

// dataElement is the one element of a message that was not put together.
const dataElement = "data"

type sendFlags struct {
	out            *shell.Output
	text           string
	lines, receipt bool
	timeout        time.Duration
}

// sending is one call of send.
type sending struct {
	c     *shell.Call
	flags *sendFlags
	end   *pipe.Output
}

// lines sends each line of standard input.
func (s *sending) lines(ctx context.Context) error {
	in := bufio.NewScanner(s.c.Stdin)
	in.Buffer(make([]byte, 64<<10), message.MaxSize)
	in.Split(wholeLines)
	n := 0
	for in.Scan() {
		n++
		m := new(message.Message)
		m.Add(dataElement, textMIME, in.Bytes())
		if err := s.send(ctx, m); err != nil {
			return atLine(n, err)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(in.Err(), bufio.ErrTooLong):
		return atLine(n+1, fmt.Errorf("longer than %d bytes", message.MaxSize))
	}
	return in.Err()
}

// atLine says which line was not sent.
func atLine(n int, err error) error {
	status := shell.StatusOf(err)
	if status == shell.StatusInterrupted {
		return err
	}
	return &shell.ExitError{Status: status, Err: fmt.Errorf("line %d: %w", n, err)}
}

// wholeLines is bufio.ScanLines that leaves a carriage return where it is.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// send sends one message, and prints the receipt if there is to be one.
func (s *sending) send(ctx context.Context, m *message.Message) error {
	short, cancel := context.WithTimeout(ctx, s.flags.timeout)
	defer cancel()
	if !s.flags.receipt {
		return s.unsent(ctx, s.end.Send(short, m))
	}
	r, err := s.end.SendReceipt(short, m)
	if r == nil {
		return s.unsent(ctx, err)
	}
	return s.print(ctx, r, err)
}
