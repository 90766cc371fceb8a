package cmds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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
on. PIPE is a handle, a pipe's URN, or the name of one that is published. The input end of a
pipe can be bound by its owner only; that of a shared pipe or a propagate pipe by any peer, see
newpipe.

-o waits until there is an input end; the status is 4 if there is none in time. Of a shared pipe it
leads to the one that answers first, and to another if that ends; with --round-robin each message
goes to the next of them.

A propagate pipe needs nobody at the other end. Every subscriber, an input end that is bound when a
message is sent, gets all messages of an output end, in order, and once; send waits for the slowest
of them, up to --grace in all, and then leaves it behind. With --best-effort it waits for nobody, and
what a subscriber is too slow for is lost to it; recv tells. An input end begins with what comes after
it was bound, or earlier: with --replay the last N messages, with --replay-age those of the last so
long, as far as the group's rendezvous still have them, which is some minutes.

` + wayHelp + `

With --json it prints an object with handle, pipe, type, name and, of an output end that leads to one
peer, peer.`,
	Example: `in = mkpipe -i adv
out = mkpipe -o -t 30s moves
news = mkpipe -i --replay 10 news`,
	Complete: completePipes,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		p := &pipeMaker{out: shell.JSONFlag(fs)}
		input := fs.BoolP("input", "i", false, "bind the input end")
		output := fs.BoolP("output", "o", false, "make an output end")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for it; 0: the session's --timeout")
		way := wayFlag(fs)
		p.declare(fs)
		return func(ctx context.Context, c *shell.Call) error {
			switch {
			case *input && *output:
				return shell.Usagef("-i or -o is wanted, not both: an end either receives or sends")
			case !*input && !*output || len(c.Args) != 1:
				return shell.Usagef("-i or -o is wanted, and one pipe")
			}
			if err := p.check(fs, *input); err != nil {
				return err
			}
			ctx, err := byWay(ctx, *way)
			if err != nil {
				return err
			}
			if p.g, err = c.Session.Group(ctx); err != nil {
				return err
			}
			p.c = c
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			if *input {
				return p.bind(ctx)
			}
			return p.resolve(ctx)
		}
	},
}

// pipeMaker is one call of mkpipe.
type pipeMaker struct {
	out        *shell.Output
	bestEffort bool
	grace      *time.Duration
	roundRobin bool
	replay     int
	replayAge  *time.Duration
	given      map[string]bool // of the flags that are not for every pipe

	c *shell.Call
	g *group.Group
}

// Flags that are not for every pipe, by the end that they are for.
var (
	inputFlags  = []string{"replay", "replay-age"}
	outputFlags = []string{"best-effort", "grace", "round-robin", "way"}
)

func (p *pipeMaker) declare(fs *pflag.FlagSet) {
	fs.IntVar(&p.replay, "replay", 0, "-i of a propagate pipe: begin with the last `N` messages")
	p.replayAge = shell.Duration(fs, "replay-age", "", 0, "-i of a propagate pipe: begin with those of the last so long")
	fs.BoolVar(&p.bestEffort, "best-effort", false, "-o of a propagate pipe: wait for no subscriber")
	p.grace = shell.Duration(fs, "grace", "", pipe.DefaultGrace, "-o of a propagate pipe: how long to wait for a slow subscriber, in all")
	fs.BoolVar(&p.roundRobin, "round-robin", false, "-o of a shared pipe: each message to the next input end")
}

// check refuses flags of the other end.
func (p *pipeMaker) check(fs *pflag.FlagSet, input bool) error {
	p.given = map[string]bool{}
	wrong, end := inputFlags, "-i"
	if input {
		wrong, end = outputFlags, "-o"
	}
	for _, name := range append(inputFlags[:len(inputFlags):len(inputFlags)], outputFlags...) {
		p.given[name] = fs.Changed(name)
	}
	for _, name := range wrong {
		if p.given[name] {
			return shell.Usagef("--%s goes with %s", name, end)
		}
	}
	switch {
	case p.replay < 0:
		return shell.Usagef("--replay takes no negative number")
	case p.bestEffort && p.given["grace"]:
		return shell.Usagef("--best-effort and --grace exclude each other")
	}
	return nil
}

// fits refuses flags that mean nothing for a pipe of its kind.
func (p *pipeMaker) fits(a *adv.Pipe) error {
	for name, given := range p.given {
		switch {
		case !given:
		case name == "round-robin" && a.PipeType == adv.Propagate:
			return fmt.Errorf("%s: --%s is for shared pipes: of a propagate pipe all get every message", p.c.Args[0], name)
		case name != "round-robin" && a.PipeType != adv.Propagate:
			return fmt.Errorf("%s: --%s is for propagate pipes, see newpipe -p: this one is of type %s", p.c.Args[0], name, a.PipeType)
		}
	}
	return nil
}

// pipeEnd is an end of a pipe as mkpipe prints it.
type pipeEnd struct {
	Handle string `json:"handle"`
	Pipe   string `json:"pipe"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	Peer   string `json:"peer,omitempty"`
}

// put keeps an end, and prints its handle.
func (p *pipeMaker) put(kind string, end io.Closer, a *adv.Pipe, peer id.Peer) error {
	obj, err := p.c.Session.Put(kind, "", end)
	if err != nil {
		return errors.Join(err, end.Close())
	}
	row := pipeEnd{Handle: obj.Name, Pipe: a.PipeID.String(), Type: string(a.PipeType), Name: a.Name}
	if !peer.IsZero() {
		row.Peer = peer.String()
	}
	return p.c.Rows(p.out).Stream().Add(row, obj.Name)
}

func (p *pipeMaker) bind(ctx context.Context) error {
	word := p.c.Args[0]
	a, err := findPipe(ctx, p.c, p.g, word)
	if err == nil {
		err = p.fits(a)
	}
	if err != nil {
		return err
	}
	if a.PipeType != adv.Propagate && !a.Shared && !a.Owner.IsZero() && a.Owner != p.g.Self().Signer() {
		return fmt.Errorf("%s: only its owner, %s, can bind its input end; see newpipe --shared", word, askName(ctx, p.g, a.Owner))
	}
	in, err := p.g.Pipe().BindWith(ctx, a, &pipe.InputConfig{Replay: pipe.Replay{Messages: p.replay, Age: *p.replayAge}})
	if err != nil {
		return plain(ctx, word, err)
	}
	return p.put("in", &inbox{Input: in}, a, id.Peer{})
}

func (p *pipeMaker) resolve(ctx context.Context) error {
	end, err := p.outputEnd(ctx, p.c.Args[0])
	if err != nil {
		return err
	}
	return p.put("out", &outbox{end}, end.Advertisement(), end.Peer())
}

// outputEnd makes an output end of what a word names: an advertisement of the
// session, a URN, or the name of a pipe, of which several may bear it.
func (p *pipeMaker) outputEnd(ctx context.Context, word string) (*pipe.Output, error) {
	_, err := p.c.Object(word)
	_, noURN := id.ParsePipe(word)
	if err != nil && noURN != nil && !slices.ContainsFunc(outputFlags, func(name string) bool { return p.given[name] }) {
		end, err := p.g.Pipe().ResolveName(ctx, word)
		return end, plain(ctx, word, err)
	}
	a, err := findPipe(ctx, p.c, p.g, word)
	if err == nil {
		err = p.fits(a)
	}
	if err != nil {
		return nil, err
	}
	cfg := &pipe.OutputConfig{Grace: *p.grace, RoundRobin: p.roundRobin}
	if p.bestEffort {
		cfg.Contract = pipe.BestEffort
	}
	end, err := p.g.Pipe().ResolveWith(ctx, a, cfg)
	return end, plain(ctx, word, err)
}

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
		return pipeByID(ctx, g, p), nil
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

// pipeByID finds the pipe of an ID. One that nobody has published may be bound all the
// same.
func pipeByID(ctx context.Context, g *group.Group, p id.Pipe) *adv.Pipe {
	q := discovery.Query{Kind: adv.KindPipe, Attr: "Id", Value: p.String(), Limit: 1}
	for a := range g.Discovery().Local(q) {
		return a.Advertisement().(*adv.Pipe)
	}
	ctx, cancel := context.WithTimeout(ctx, min(lookupShare(ctx), nameTimeout))
	defer cancel()
	for a, err := range g.Discovery().Search(ctx, q) {
		if err == nil {
			return a.Advertisement().(*adv.Pipe)
		}
	}
	return &adv.Pipe{PipeID: p, PipeType: adv.Unicast}
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
