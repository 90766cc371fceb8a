package load

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"
)

// sampleTimeout bounds one sample, a minute of which is a machine in trouble.
const sampleTimeout = time.Minute

// Sampler does the work of an experiment once, and returns a value for each of its
// measures.
type Sampler func(ctx context.Context) ([]float64, error)

// Side is juxta or a baseline, as it takes part in an experiment.
type Side struct {
	Name string
	// Prepare starts what the samples of this side share. It returns [ErrSkip]
	// wrapped if they cannot be had here.
	Prepare func(ctx context.Context, st *Stage) (Sampler, error)
	// Targets are what juxta has to reach beside this baseline, in the order of the
	// measures; those left out ask for nothing.
	Targets []Target
}

// Experiment is one kind of work, done by juxta and by baselines in turn.
type Experiment struct {
	Name     string
	Measures []Measure
	Sides    []Side // juxta first
}

// ErrSkip: figures are left out, for the reason that follows.
var ErrSkip = errors.New("skipped")

// figures returns what the experiment measures over a transport, as far as it is
// wanted; "" is none.
func (e *Experiment) figures(transport string, only *regexp.Regexp) []Figure {
	var all []Figure
	for side, baseline := range e.Sides[1:] {
		for i, m := range e.Measures {
			words := slices.DeleteFunc([]string{e.Name + m.Name, transport, baseline.Name}, func(s string) bool { return s == "" })
			f := Figure{Name: strings.Join(words, "/"), Unit: m.Unit, Lower: m.Lower, side: side + 1, measure: i}
			if i < len(baseline.Targets) {
				f.Target = baseline.Targets[i]
			}
			if only == nil || only.MatchString(f.Name) {
				all = append(all, f)
			}
		}
	}
	return all
}

// measure plays an experiment on its stage, in as many rounds as the stage asks
// for. Sides of which no figure is wanted do not take part.
func (e *Experiment) measure(ctx context.Context, figures []Figure, st *Stage) ([]Result, error) {
	defer st.Close()
	results := make([]Result, len(figures))
	samplers, skipped, err := e.prepare(ctx, figures, st)
	for i, f := range figures {
		results[i].Figure = f
		if why := errors.Join(skipped[0], skipped[f.side]); why != nil {
			results[i].Note = why.Error()
		}
	}
	for i := 0; i < st.Rounds && err == nil && skipped[0] == nil; i++ {
		err = e.round(ctx, samplers, i%2 == 1, results)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	return results, nil
}

// prepare returns the samplers of the sides that take part, and why others do not.
func (e *Experiment) prepare(ctx context.Context, figures []Figure, st *Stage) (samplers []Sampler, skipped []error, err error) {
	samplers, skipped = make([]Sampler, len(e.Sides)), make([]error, len(e.Sides))
	for i, side := range e.Sides {
		if i > 0 && !slices.ContainsFunc(figures, func(f Figure) bool { return f.side == i }) {
			continue
		}
		samplers[i], err = side.Prepare(ctx, st)
		if errors.Is(err, ErrSkip) {
			skipped[i], err = err, nil
		}
		if err != nil {
			return samplers, skipped, fmt.Errorf("%s: %w", side.Name, err)
		}
	}
	return samplers, skipped, nil
}

// round takes a sample of each side, and adds a pair to each result.
func (e *Experiment) round(ctx context.Context, samplers []Sampler, backwards bool, results []Result) error {
	got := make([][]float64, len(samplers))
	for i := range samplers {
		if backwards {
			i = len(samplers) - 1 - i
		}
		if samplers[i] == nil {
			continue
		}
		var err error
		if got[i], err = e.take(ctx, samplers[i], e.Sides[i].Name); err != nil {
			return fmt.Errorf("%s: %w", e.Sides[i].Name, err)
		}
	}
	for i := range results {
		r := &results[i]
		if beside := got[r.side]; beside != nil {
			r.Pairs = append(r.Pairs, Pair{got[0][r.measure], beside[r.measure]})
		}
	}
	return nil
}

// take takes one sample. What the one before left to the collector is not
// charged to it; a profile tells the sides apart by their labels.
func (e *Experiment) take(ctx context.Context, sample Sampler, side string) (values []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	runtime.GC()
	pprof.Do(ctx, pprof.Labels("side", side, "experiment", e.Name), func(ctx context.Context) {
		values, err = sample(ctx)
	})
	if err == nil && len(values) != len(e.Measures) {
		panic(fmt.Sprintf("%s: %s: %d values for %d measures", e.Name, side, len(values), len(e.Measures)))
	}
	return values, err
}
