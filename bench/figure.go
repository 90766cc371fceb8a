package main

import "fmt"

// Figure is one number that is measured of juxta and of a baseline.
type Figure struct {
	Name   string
	Unit   string
	Lower  bool // the lower the better
	Target Target
}

// Target is what a figure has to reach; zero: nothing is asked of it.
type Target struct {
	Ratio float64 // to the baseline, at least
	Most  float64 // the value itself, in the figure's unit
}

// String returns "", "ratio ≥ 0.95" or "≤ 15".
func (t Target) String() string {
	switch {
	case t.Ratio > 0:
		return fmt.Sprintf("ratio ≥ %.2f", t.Ratio)
	case t.Most > 0:
		return fmt.Sprintf("≤ %g", t.Most)
	}
	return ""
}

// Run is what one pair of samples gave.
type Run struct {
	Value    float64 // of juxta
	Baseline float64
}

// Result is a figure with its runs. Without any, Note says why.
type Result struct {
	Figure
	Runs []Run
	Note string
}

// Value returns the spread of juxta's values.
func (r *Result) Value() Spread {
	return r.spread(func(run Run) float64 { return run.Value })
}

// Baseline returns the spread of the baseline's values.
func (r *Result) Baseline() Spread {
	return r.spread(func(run Run) float64 { return run.Baseline })
}

// Ratio returns the spread of the pairs' ratios: 1 is as good as the baseline,
// more is better.
func (r *Result) Ratio() Spread {
	return r.spread(func(run Run) float64 {
		if r.Lower {
			return run.Baseline / run.Value
		}
		return run.Value / run.Baseline
	})
}

// Met reports whether the median reaches the target.
func (r *Result) Met() bool {
	if r.Target.Ratio > 0 {
		return r.Ratio().Median >= r.Target.Ratio
	}
	return r.Target.Most == 0 || r.Value().Median <= r.Target.Most
}

func (r *Result) spread(of func(Run) float64) Spread {
	values := make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		values[i] = of(run)
	}
	return spreadOf(values)
}
