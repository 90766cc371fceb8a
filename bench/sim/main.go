package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

func main() {
	o, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err == nil {
		err = play(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sim:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	experiments []experiment
	sizes       []int // nil: each experiment's own
	latency     time.Duration
	seeds       int
	quiet       time.Duration
	churn       time.Duration
	rounds      int
	alone       bool
	quick       bool
	json        bool
	profile     string
	memory      int64
	timeout     time.Duration
}

// experiment is what is played once for each size of a world.
type experiment struct {
	name  string
	sizes []int // as it is, and in a hurry
	quick []int
	play  func(*stage)
}

var experiments = []experiment{
	{"peerview", []int{50, 150, 580}, []int{30}, peerview},
	{"search", []int{100, 1000}, []int{30}, search},
	{"failover", []int{30}, []int{30}, failover},
}

func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: sim peerview|search|failover|all [flags]")
		flags.PrintDefaults()
	}
	flags.Func("n", "`peers` of a world, or several sizes, as in 100,1000", func(s string) error {
		for n := range strings.SplitSeq(s, ",") {
			size, err := strconv.Atoi(n)
			if err != nil || size < 4 {
				return fmt.Errorf("%q: at least 4 peers are wanted", n)
			}
			o.sizes = append(o.sizes, size)
		}
		return nil
	})
	flags.DurationVar(&o.latency, "latency", 25*time.Millisecond, "of every link, one way")
	flags.IntVar(&o.seeds, "seeds", 3, "rendezvous that everybody knows, of a peerview")
	flags.DurationVar(&o.quiet, "quiet", 2*time.Minute, "for how long nothing happens in a peerview")
	flags.DurationVar(&o.churn, "churn", 10*time.Minute, "for how long a peerview is under churn; 1 min with -quick")
	flags.IntVar(&o.rounds, "rounds", 5, "worlds in which a rendezvous is killed; 1 with -quick")
	flags.BoolVar(&o.alone, "alone", false, "search without kad-dht beside, which takes as much memory again")
	flags.BoolVar(&o.quick, "quick", false, "small worlds: shows that it runs")
	flags.BoolVar(&o.json, "json", false, "write one JSON object a line instead of a table")
	flags.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile to `file`")
	flags.Int64Var(&o.memory, "memory", 8, "GiB of memory up to which the collector takes its time")
	flags.DurationVar(&o.timeout, "timeout", time.Hour, "give up after so long, in real time")
	name := "all"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	for _, e := range experiments {
		if name == e.name || name == "all" {
			o.experiments = append(o.experiments, e)
		}
	}
	if len(o.experiments) == 0 || flags.NArg() > 0 || o.seeds < 1 || o.rounds < 1 {
		flags.Usage()
		return nil, flag.ErrHelp
	}
	if o.quick {
		o.churn, o.rounds = min(o.churn, time.Minute), 1
	}
	return o, nil
}

// sizesOf says how large the worlds of an experiment are.
func (o *options) sizesOf(e *experiment) []int {
	switch {
	case o.sizes != nil:
		return o.sizes
	case o.quick:
		return e.quick
	}
	return e.sizes
}
