package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

// serveArg is the first argument of a child, before its flags and seeds.
const serveArg = "serve"

// seedRole is that of a peer which only introduces others; the other roles are
// the sides' names.
const seedRole = "seed"

// serve is the main function of a child: it serves until standard input ends.
func serve(args []string) error {
	signal.Ignore(os.Interrupt) // of the terminal: our parent ends us
	flags := flag.NewFlagSet(serveArg, flag.ContinueOnError)
	role := flags.String("role", "", "seed, juxta or raw")
	transport := flags.String("transport", overTCP, "tcp or quic")
	profile := flags.String("cpuprofile", "", "file to write a CPU profile to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	stop, err := startProfile(*profile)
	if err != nil {
		return err
	}
	defer stop()
	start, ok := map[string]func(context.Context, string, []string) (*hello, io.Closer, error){
		seedRole: serveSeed, Juxta.String(): servePeer, Raw.String(): serveHost,
	}[*role]
	if !ok {
		return fmt.Errorf("no such role: %q", *role)
	}
	at, server, err := start(context.Background(), *transport, flags.Args())
	if err != nil {
		return err
	}
	defer server.Close()
	if err := json.NewEncoder(os.Stdout).Encode(at); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func serveSeed(ctx context.Context, transport string, seeds []string) (*hello, io.Closer, error) {
	p, err := startPeer(ctx, transport, "seed", seeds...)
	if err != nil {
		return nil, nil, err
	}
	return &hello{Addrs: p.Addrs(), Peer: p.ID().String()}, p, nil
}
