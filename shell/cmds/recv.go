package cmds

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var recv = shell.Command{
	Name:  "recv",
	Topic: topicPipes,
	Args:  "PIPE",
	Short: "receive messages from an input pipe",
	Long: `Waits for the next message, keeps it, and prints its handle; with -e prints an element of it
instead, as get does, and does not keep it. -n receives so many, one after the other; -n 0, for
ever. Without -t it waits as long as it takes; the status is 124 if for so long no message comes. Of several
messages one that lacks the element of -e is told of and passed over; the status is 1 then.

With --json a message is an object with from, the ID of the peer that has sent it, and elements: a
list of objects with name, mime, size, and text, or base64 if the data are not in UTF-8. It is not
kept, unless its sender waits for a reply: then it has handle, too. A message has to be kept for
reply, so -e leaves its sender without an answer.

What a propagate pipe is known to have lost, of best-effort senders and of those that have left this
end behind, is told of on standard error, as more of it becomes known; -l prints how many messages
that are in all, and receives nothing. With --json that is an object with lost.`,
	Example: `m = recv in; get $m move
recv -n 0 -e data in | while read line; do echo "got $line"; done
recv -n 10 --json in | jq -r '.elements[].text'`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion { return s.CompleteHandles("in") },
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		r := &receiving{out: shell.JSONFlag(fs)}
		fs.IntVarP(&r.count, "number", "n", 1, "receive `N` messages; 0: for ever")
		fs.StringVarP(&r.element, "element", "e", "", "print the element of this `TAG`")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for each; 0: for ever")
		lost := fs.BoolP("lost", "l", false, "print how many messages were lost, and receive none")
		return func(ctx context.Context, c *shell.Call) error {
			switch {
			case len(c.Args) != 1 || r.count < 0:
				return shell.Usagef("an input pipe is wanted, and no negative number")
			case r.out.JSON && r.element != "":
				return shell.Usagef("--json prints all elements: it does not go with -e")
			}
			in, err := shell.Get[*inbox](c, c.Args[0], "in")
			if err != nil {
				return err
			}
			if *lost {
				n := in.Lost()
				return c.Rows(r.out).Stream().Add(struct {
					Lost uint64 `json:"lost"`
				}{n}, fmt.Sprint(n))
			}
			r.c, r.in, r.timeout = c, in, *timeout
			return r.run(ctx)
		}
	},
}

// inbox is an input end as the session keeps it, under kind in.
type inbox struct {
	*pipe.Input

	told atomic.Uint64 // how many messages the user knows to be lost
}

// receiving is one call of recv.
type receiving struct {
	out     *shell.Output
	element string
	count   int // 0: for ever
	timeout time.Duration

	c      *shell.Call
	in     *inbox
	w      *bufio.Writer // what was not printed yet: flushed before waiting
	nowait context.Context
	lacked bool // a message lacked the element
}

func (r *receiving) run(ctx context.Context) (err error) {
	r.w = bufio.NewWriterSize(r.c.Stdout, 64<<10)
	var stop context.CancelFunc
	r.nowait, stop = context.WithCancel(ctx)
	stop() // a Next with it takes what is there
	defer func() {
		if ferr := r.settle(); err == nil {
			err = ferr
		}
	}()
	for n := 0; (r.count == 0 || n < r.count) && ctx.Err() == nil; n++ {
		got, err := r.next(ctx, n)
		if err == nil {
			err = r.print(got)
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() == nil && r.lacked {
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return ctx.Err()
}

// next takes the next message, after n others. Before it waits, what there is to say is
// said.
func (r *receiving) next(ctx context.Context, n int) (*pipe.Received, error) {
	if got, err := r.in.Next(r.nowait); err == nil {
		return got, nil
	}
	if err := r.settle(); err != nil {
		return nil, err
	}
	short := ctx
	if r.timeout > 0 {
		var cancel context.CancelFunc
		short, cancel = context.WithTimeout(ctx, r.timeout)
		defer cancel()
	}
	got, err := r.in.Next(short)
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil, fmt.Errorf("%s: it was closed", r.c.Args[0])
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil, r.nothing(n)
	}
	return got, err
}

// nothing says that no message has come in time, after n others.
func (r *receiving) nothing(n int) error {
	text := fmt.Sprintf("%s: no message in %v", r.c.Args[0], r.timeout)
	if r.count != 1 {
		text += fmt.Sprintf(", after %d", n)
	}
	return &shell.ExitError{Status: shell.StatusTimeout, Err: errors.New(text)}
}

// settle prints what was not printed yet, and tells of losses.
func (r *receiving) settle() error {
	lost := r.in.Lost()
	if told := r.in.told.Swap(lost); lost > told {
		r.c.Warnf("%s: %d messages were lost to this end", r.c.Args[0], lost-told)
	}
	return r.w.Flush()
}

func (r *receiving) print(got *pipe.Received) error {
	l := newLetter(got)
	switch {
	case r.out.JSON:
		return r.printJSON(l)
	case r.element == "":
		obj, err := r.c.Session.Put("msg", "", l)
		if err == nil {
			_, err = fmt.Fprintln(r.w, obj.Name)
		}
		return err
	}
	e, ok := l.m.Get(r.element)
	switch {
	case ok:
		return writeElement(r.w, e)
	case r.count == 1:
		return fmt.Errorf("%s: the message that came has no such element", r.element)
	}
	r.lacked = true
	r.c.Warnf("%s: a message that came has no such element", r.element)
	return nil
}

func (r *receiving) printJSON(l *letter) error {
	row := l.row()
	if l.request != nil {
		obj, err := r.c.Session.Put("msg", "", l)
		if err != nil {
			return err
		}
		row.Handle = obj.Name
	}
	enc := json.NewEncoder(r.w)
	enc.SetEscapeHTML(false)
	return enc.Encode(row)
}
