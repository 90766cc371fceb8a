package load

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// seedRole is that of a peer which only introduces others. Streams are served in
// roles with the names of their systems, and a bus has the two below.
const seedRole = "seed"

func serverRole(bus string) string     { return bus + "-server" }
func subscriberRole(bus string) string { return bus + "-subscribers" }

// task is what a child is to do.
type task struct {
	transport string
	n         int
	addrs     []string // of whoever is there before
}

// served is what a child has started.
type served struct {
	Where
	io.Closer
	answer func(ctx context.Context, question json.RawMessage) (any, error) // nil: nobody asks
}

// role starts what a child is there for.
type role func(ctx context.Context, t *task) (*served, error)

// Serve is the main function of a child: it serves until in ends. The arguments
// are those that follow the command [Config.Child] names; buses are those of the
// parent's configuration.
func Serve(ctx context.Context, args []string, in io.Reader, out io.Writer, buses ...Bus) error {
	signal.Ignore(os.Interrupt) // of the terminal: our parent ends us
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	var t task
	name := flags.String("role", "", "what to serve")
	flags.StringVar(&t.transport, "transport", OverTCP, "tcp or quic")
	flags.IntVar(&t.n, "n", 0, "how many subscribers")
	profile := flags.String("cpuprofile", "", "file to write a CPU profile to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	t.addrs = flags.Args()
	start := roles(buses)[*name]
	if start == nil {
		return fmt.Errorf("no such role: %q", *name)
	}
	stop, err := startProfile(*profile)
	if err != nil {
		return err
	}
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := start(ctx, &t)
	if err != nil {
		return fmt.Errorf("%s: %w", *name, err)
	}
	defer s.Close()
	return converse(ctx, s, in, out)
}

// roles are all there are.
func roles(buses []Bus) map[string]role {
	all := map[string]role{seedRole: whereOf(serveSeed)}
	for _, s := range []*system{juxta, libp2pStreams, sockets} {
		all[s.name] = whereOf(s.serve)
	}
	for _, b := range append([]Bus{ours, gossipSub}, buses...) {
		if b.Server != nil {
			all[serverRole(b.Name)] = whereOf(func(ctx context.Context, t *task) (*Where, io.Closer, error) {
				return b.Server(ctx, t.transport)
			})
		}
		all[subscriberRole(b.Name)] = b.serve
	}
	return all
}

// whereOf is the role of a server that needs only be there.
func whereOf(start func(context.Context, *task) (*Where, io.Closer, error)) role {
	return func(ctx context.Context, t *task) (*served, error) {
		at, c, err := start(ctx, t)
		if err != nil {
			return nil, err
		}
		return &served{Where: *at, Closer: c}, nil
	}
}

// converse says where we are, and answers questions until there are no more.
func converse(ctx context.Context, s *served, in io.Reader, out io.Writer) error {
	questions, answers := json.NewDecoder(in), json.NewEncoder(out)
	if err := answers.Encode(&s.Where); err != nil {
		return err
	}
	for {
		var q json.RawMessage
		if err := questions.Decode(&q); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if s.answer == nil {
			return fmt.Errorf("asked for %s, and there is nothing to say", q)
		}
		a, err := s.answer(ctx, q)
		if err != nil {
			return err
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}
