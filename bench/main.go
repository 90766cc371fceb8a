package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/internal/load"
)

// serveArg is the first argument of a child.
const serveArg = "serve"

// buses are the baselines that only bench has.
var buses = []load.Bus{nats}

// gcPercent is what the program juxta sets, for all sides alike.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	var err error
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		err = load.Serve(context.Background(), os.Args[2:], os.Stdin, os.Stdout, buses...)
	} else {
		err = run(os.Args[1:])
	}
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	load.Config
	json    bool
	timeout time.Duration
}

func parse(args []string) (*options, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &options{Config: load.Config{Child: []string{self, serveArg}, Buses: buses, Nothing: nothing, Progress: os.Stderr}}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.Rounds, "n", 0, "`pairs` of samples for each figure (default 7, or 2 with -quick)")
	flags.BoolVar(&o.Quick, "quick", false, "do little work: shows that all figures can be had, not what they are")
	flags.Func("transport", "tcp (default), quic or both, one after the other", func(s string) (err error) {
		o.Transports, err = load.Transports(s)
		return err
	})
	flags.Func("only", "measure the figures whose names match `regexp`", func(s string) (err error) {
		o.Only, err = regexp.Compile(s)
		return err
	})
	flags.Func("fan", "`numbers` of subscribers, with commas (default 10,50, or 10 with -quick)", func(s string) (err error) {
		o.Fans, err = numbers(s)
		return err
	})
	flags.BoolVar(&o.json, "json", false, "write one JSON object a line instead of a table")
	binary := flags.String("juxta", "", "`file` of juxta's binary, to start processes from; built if not said")
	flags.StringVar(&o.Profile, "cpuprofile", "", "write a CPU profile to `file`, and the children's beside it")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Minute, "give up after so long")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("usage: bench [flags], not %s", strings.Join(flags.Args(), " "))
	}
	o.Process = version(*binary)
	return o, nil
}

func numbers(list string) (all []int, err error) {
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, o.timeout)
	defer stop()
	results, err := load.Run(ctx, &o.Config)
	if len(results) == 0 {
		return err
	}
	write := load.WriteTable
	if o.json {
		write = load.WriteJSON
	}
	return errors.Join(err, write(os.Stdout, results))
}
