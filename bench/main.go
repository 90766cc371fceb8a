package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"strings"
	"time"
)

func main() {
	var err error
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		err = serve(os.Args[2:])
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
	stage     Stage // the same for every experiment, but for its transport
	transport string
	only      *regexp.Regexp
	json      bool
	timeout   time.Duration
}

func parse(args []string) (*options, error) {
	o := &options{only: regexp.MustCompile("")}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&o.stage.Pairs, "n", 7, "`pairs` of samples for each figure; 2 with -quick if not said")
	flags.BoolVar(&o.stage.Quick, "quick", false, "do little work: shows that all figures can be had, not what they are")
	flags.StringVar(&o.transport, "transport", overTCP, "tcp, quic or both, one after the other")
	flags.Func("only", "measure the figures whose names match `regexp`", func(s string) (err error) {
		o.only, err = regexp.Compile(s)
		return err
	})
	flags.BoolVar(&o.json, "json", false, "write one JSON object a line instead of a table")
	flags.StringVar(&o.stage.Binary, "juxta", "", "`file` of juxta's binary, to start processes from; built if not said")
	flags.StringVar(&o.stage.Profile, "cpuprofile", "", "write a CPU profile to `file`, and the servers' beside it")
	flags.DurationVar(&o.timeout, "timeout", 15*time.Minute, "give up after so long")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	pairsSaid := false
	flags.Visit(func(f *flag.Flag) { pairsSaid = pairsSaid || f.Name == "n" })
	if o.stage.Quick && !pairsSaid {
		o.stage.Pairs = 2
	}
	if o.stage.Pairs < 1 || flags.NArg() > 0 {
		return nil, fmt.Errorf("usage: bench [flags], and -n is at least 1: %s", strings.Join(args, " "))
	}
	return o, nil
}

// transports returns those to measure over.
func (o *options) transports() ([]string, error) {
	switch o.transport {
	case overTCP, overQUIC:
		return []string{o.transport}, nil
	case "both":
		return []string{overTCP, overQUIC}, nil
	}
	return nil, fmt.Errorf("-transport %s: it is tcp, quic or both", o.transport)
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	transports, err := o.transports()
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, o.timeout)
	defer stop()
	stopProfile, err := startProfile(o.stage.Profile)
	if err != nil {
		return err
	}
	defer stopProfile()
	results, err := measureAll(ctx, o, transports)
	write := writeTable
	if o.json {
		write = writeJSON
	}
	return errors.Join(err, write(os.Stdout, results))
}

// measureAll measures what is wanted. One experiment that fails does not keep
// the others from their turn.
func measureAll(ctx context.Context, o *options, transports []string) (results []Result, err error) {
	for _, e := range experiments(transports) {
		if !e.wanted(o.only) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", e.Figures[0].Name)
		st := o.stage
		st.Transport = e.transport
		got, failed := measure(ctx, &e.Experiment, &st)
		results, err = append(results, got...), errors.Join(err, failed)
		if ctx.Err() != nil {
			break
		}
	}
	return results, err
}

// startProfile profiles to a file until stop is called; to "" it does nothing.
func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
