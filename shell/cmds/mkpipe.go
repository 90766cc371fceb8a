package cmds

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var mkpipe = shell.Command{
	Name:  "mkpipe",
	Topic: topicPipes,
	Args:  "PIPE",
	Short: "make the input or an output end of a message pipe",
	Long: `With -i binds the input end of a pipe at this peer, which receives; with -o finds the input
end, wherever it is, and makes an output end that sends to it. Prints the handle: in0, out0 and
on. PIPE is a handle, a pipe's URN, or the name of one that is published; the input end of a
pipe can be bound by its owner only.

-o waits until there is an input end; the status is 4 if there is none in time. With --json it
prints an object with handle, pipe, name and, of an output end, peer.`,
	Example: `in = mkpipe -i adv
out = mkpipe -o -t 30s moves`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion {
		return append(s.CompleteHandles("adv"), known(s, adv.KindPipe)...)
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		input := fs.BoolP("input", "i", false, "bind the input end")
		output := fs.BoolP("output", "o", false, "make an output end")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for it; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if *input == *output || len(c.Args) != 1 {
				return shell.Usagef("-i or -o is wanted, and one pipe")
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			if *input {
				return bind(ctx, c, g, out)
			}
			return resolve(ctx, c, g, out)
		}
	},
}

// pipeEnd is an end of a pipe as mkpipe prints it.
type pipeEnd struct {
	Handle string `json:"handle"`
	Pipe   string `json:"pipe"`
	Name   string `json:"name"`
	Peer   string `json:"peer,omitempty"`
}

func bind(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error {
	a, err := findPipe(ctx, c, g, c.Args[0])
	if err != nil {
		return err
	}
	in, err := g.Pipe().Bind(ctx, a)
	if err != nil {
		return plain(ctx, c.Args[0], err)
	}
	obj, err := c.Session.Put("in", "", in)
	if err != nil {
		_ = in.Close()
		return err
	}
	return c.Rows(out).Stream().Add(pipeEnd{Handle: obj.Name, Pipe: a.PipeID.String(), Name: a.Name}, obj.Name)
}

func resolve(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error {
	end, err := resolveWord(ctx, c, g, c.Args[0])
	if err != nil {
		return err
	}
	a := end.Advertisement()
	obj, err := c.Session.Put("out", "", end)
	if err != nil {
		_ = end.Close()
		return err
	}
	return c.Rows(out).Stream().Add(
		pipeEnd{Handle: obj.Name, Pipe: a.PipeID.String(), Name: a.Name, Peer: end.Peer().String()}, obj.Name)
}

// resolveWord makes an output end of what a word names: an advertisement of the
// session, a URN, or the name of a pipe, of which several may bear it.
func resolveWord(ctx context.Context, c *shell.Call, g *group.Group, word string) (*pipe.Output, error) {
	_, err := c.Object(word)
	_, noURN := id.ParsePipe(word)
	if err != nil && noURN != nil {
		end, err := g.Pipe().ResolveName(ctx, word)
		return end, plain(ctx, word, err)
	}
	a, err := findPipe(ctx, c, g, word)
	if err != nil {
		return nil, err
	}
	end, err := g.Pipe().Resolve(ctx, a)
	return end, plain(ctx, word, err)
}

// plain turns an error of the SDK into one for a person: what, and why, without
// the names of packages.
func plain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if u := unreached(ctx, what, err); u != err {
		return u
	}
	text := err.Error()
	for _, p := range []string{"pipe: ", "discovery: ", "group: ", "peer: ", "rendezvous: ", "resolver: "} {
		if rest, ok := strings.CutPrefix(text, p); ok {
			if _, why, ok := strings.Cut(rest, ": "); ok { // "bind NAME: why"
				return &reworded{what + ": " + why, err}
			}
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// reworded is an error with another text.
type reworded struct {
	text string
	err  error
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.err }

// findPipe finds the pipe that a word names: an advertisement of the session, a
// URN, or the name of one that is published, as soon as that is so.
func findPipe(ctx context.Context, c *shell.Call, g *group.Group, word string) (*adv.Pipe, error) {
	if _, err := c.Object(word); err == nil {
		return pipeOf(c, word)
	}
	q := discovery.Query{Kind: adv.KindPipe, Attr: "Name", Value: word}
	p, err := id.ParsePipe(word)
	switch {
	case err == nil:
		q.Attr, q.Value = "Id", p.String()
		for a := range g.Discovery().Local(q) {
			return a.Advertisement().(*adv.Pipe), nil
		}
		return &adv.Pipe{PipeID: p, PipeType: adv.Unicast}, nil
	case word == "" || strings.ContainsAny(word, "*?"):
		return nil, fmt.Errorf("%s: no such object, and no name of a pipe", word)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupShare(ctx))
	defer cancel()
	a, err := g.Discovery().Await(ctx, q)
	if err != nil {
		return nil, unreached(ctx, word, err)
	}
	return a.Advertisement().(*adv.Pipe), nil
}

// lookupShare is how much of a context's time may go into finding a name: what is
// left is for reaching who bears it.
func lookupShare(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return time.Hour
	}
	return time.Until(deadline) * 4 / 5
}
