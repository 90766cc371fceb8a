package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"runtime/pprof"
	"time"
)

// sampleTimeout bounds one sample, a minute of which is a machine in trouble.
const sampleTimeout = time.Minute

// Side is whose turn it is.
type Side int

// The sides of a pair.
const (
	Juxta Side = iota
	Raw
)

// String returns "juxta" or "raw".
func (s Side) String() string { return [...]string{"juxta", "raw"}[s] }

// Experiment measures one figure, or a few that fall out of the same work.
type Experiment struct {
	Figures []Figure
	// Prepare starts what all samples share. It returns [errSkip] wrapped if the
	// figures cannot be had here.
	Prepare func(ctx context.Context, st *Stage) (Sampler, error)
}

// Sampler does the work once, on one side, and returns a value for each figure.
type Sampler func(ctx context.Context, side Side) ([]float64, error)

// errSkip: the figures are left out, for the reason that follows.
var errSkip = errors.New("skipped")

// wanted reports whether any of the figures matches.
func (e *Experiment) wanted(only *regexp.Regexp) bool {
	for _, f := range e.Figures {
		if only.MatchString(f.Name) {
			return true
		}
	}
	return false
}

// measure plays an experiment on its stage, in pairs of samples.
func measure(ctx context.Context, e *Experiment, st *Stage) ([]Result, error) {
	defer st.Close()
	results := make([]Result, len(e.Figures))
	for i, f := range e.Figures {
		results[i].Figure = f
	}
	sample, err := e.Prepare(ctx, st)
	if errors.Is(err, errSkip) {
		for i := range results {
			results[i].Note = err.Error()
		}
		return results, nil
	}
	for i := 0; i < st.Pairs && err == nil; i++ {
		err = takePair(ctx, sample, Side(i%2), results)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Figures[0].Name, err)
	}
	return results, nil
}

// takePair takes a sample of each side, and adds a run to each result.
func takePair(ctx context.Context, sample Sampler, first Side, results []Result) error {
	var got [2][]float64
	for _, side := range []Side{first, 1 - first} {
		var err error
		if got[side], err = take(ctx, sample, side, results[0].Name); err != nil {
			return fmt.Errorf("%v: %w", side, err)
		}
	}
	for i := range results {
		results[i].Runs = append(results[i].Runs, Run{got[Juxta][i], got[Raw][i]})
	}
	return nil
}

// take takes one sample. What the one before left to the collector is not
// charged to it; a profile tells the sides apart by their labels.
func take(ctx context.Context, sample Sampler, side Side, figure string) (values []float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	runtime.GC()
	pprof.Do(ctx, pprof.Labels("side", side.String(), "figure", figure), func(ctx context.Context) {
		values, err = sample(ctx, side)
	})
	return values, err
}
