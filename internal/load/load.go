package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/pprof"
)

// Config says what to measure. The zero value, with Child, measures everything.
type Config struct {
	Rounds     int            // samples of each side; 0: 7, or 2 if Quick
	Quick      bool           // little work: shows that all figures can be had, not what they are
	Only       *regexp.Regexp // of the names of figures; nil: all
	Transports []string       // nil: OverTCP
	Fans       []int          // numbers of subscribers; nil: 10 and 50, or 10 if Quick
	Profile    string         // file for a CPU profile, and the children's beside it; "": none
	// Child is the command that runs this program as a child. The arguments of Serve
	// are added to it.
	Child []string
	// Buses are baselines for messages, besides those that this package has.
	Buses []Bus
	// Process is the command whose start is compared with that of Nothing, which does
	// nothing. Nil: left out.
	Process, Nothing Command
	// Progress hears of each experiment as it begins. Nil: nobody does.
	Progress io.Writer
}

// ErrConfig: the configuration cannot be.
var ErrConfig = errors.New("bad configuration")

// Transports reads what a user says: "tcp", "quic" or "both".
func Transports(word string) ([]string, error) {
	switch word {
	case OverTCP, OverQUIC:
		return []string{word}, nil
	case "both":
		return []string{OverTCP, OverQUIC}, nil
	}
	return nil, fmt.Errorf("%w: transport %q: it is tcp, quic or both", ErrConfig, word)
}

// Run measures what is wanted. An experiment that fails does not keep the others
// from their turn: the results are those of the others. The error wraps [ErrConfig] if
// nothing could be measured as asked. When the context ends, so do the children, and
// the error is the context's cause.
func Run(ctx context.Context, cfg *Config) (results []Result, err error) {
	c, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	stopProfile, err := startProfile(c.Profile)
	if err != nil {
		return nil, err
	}
	defer stopProfile()
	none := true
	for _, e := range c.experiments() {
		figures := e.figures(e.transport, c.Only)
		if len(figures) == 0 {
			continue
		}
		none = false
		fmt.Fprintln(c.Progress, "measuring", figures[0].Name)
		st := &Stage{Transport: e.transport, Rounds: c.Rounds, Quick: c.Quick, child: c.Child, profile: c.Profile}
		got, failed := e.measure(ctx, figures, st)
		if ctx.Err() != nil {
			return results, context.Cause(ctx)
		}
		results, err = append(results, got...), errors.Join(err, failed)
	}
	if none {
		return nil, fmt.Errorf("%w: there is no figure whose name matches %v", ErrConfig, c.Only)
	}
	return results, err
}

// complete returns a copy with the defaults filled in.
func (cfg *Config) complete() (*Config, error) {
	c := *cfg
	if c.Rounds == 0 {
		c.Rounds = 7
		if c.Quick {
			c.Rounds = 2
		}
	}
	if c.Transports == nil {
		c.Transports = []string{OverTCP}
	}
	if c.Fans == nil {
		c.Fans = []int{10, 50}
		if c.Quick {
			c.Fans = []int{10}
		}
	}
	if c.Progress == nil {
		c.Progress = io.Discard
	}
	if c.Rounds < 0 {
		return nil, fmt.Errorf("%w: %d rounds: one at least is wanted", ErrConfig, c.Rounds)
	}
	for _, n := range c.Fans {
		if n < 1 || n > maxFan {
			return nil, fmt.Errorf("%w: %d subscribers: 1 to %d are wanted", ErrConfig, n, maxFan)
		}
	}
	return &c, nil
}

// maxFan is the most subscribers: one process holds all their hosts.
const maxFan = 500

// staged is an experiment with the transport that it runs over, "" for none.
type staged struct {
	Experiment
	transport string
}

// experiments returns all there are, in the order in which they are played.
func (cfg *Config) experiments() []staged {
	var all []staged
	if cfg.Process != nil {
		all = append(all, staged{processStart(cfg.Process, cfg.Nothing), ""})
	}
	for _, t := range cfg.Transports {
		for _, e := range []Experiment{start, cold, roundTrips, messageRate(cfg.Buses), streamRate} {
			all = append(all, staged{e, t})
		}
		for _, n := range cfg.Fans {
			all = append(all, staged{propagate(n, append([]Bus{gossipSub}, cfg.Buses...)), t})
		}
	}
	return all
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
