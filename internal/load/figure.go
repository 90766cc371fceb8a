package load

import "fmt"

// Measure is one number that each sample of an experiment holds.
type Measure struct {
	Name  string // added to the experiment's, "-p50"; "" for none
	Unit  string
	Lower bool // the lower the better
}

// Target is what a figure has to reach; zero: nothing is asked of it.
type Target struct {
	Ratio float64 // to the baseline, at least
	Most  float64 // the value itself, in the figure's unit
	Least float64 // likewise
}

// String returns "", "ratio ≥ 0.95", "≤ 15" or "≥ 100".
func (t Target) String() string {
	switch {
	case t.Ratio > 0:
		return fmt.Sprintf("ratio ≥ %.2f", t.Ratio)
	case t.Most > 0:
		return fmt.Sprintf("≤ %g", t.Most)
	case t.Least > 0:
		return fmt.Sprintf("≥ %g", t.Least)
	}
	return ""
}

// Figure is one measure of juxta beside one baseline.
type Figure struct {
	Name   string // "messages/tcp/libp2p": what, over which transport, beside whom
	Unit   string
	Lower  bool // the lower the better
	Target Target

	side, measure int // where it stands in its experiment
}

// Pair is what one round gave.
type Pair struct {
	Value    float64 // of juxta
	Baseline float64
}

// Result is a figure with what was measured of it. Without any pair, Note says why.
type Result struct {
	Figure
	Pairs []Pair
	Note  string
}

// Value returns the spread of juxta's values.
func (r *Result) Value() Spread {
	return r.spread(func(p Pair) float64 { return p.Value })
}

// Baseline returns the spread of the baseline's values.
func (r *Result) Baseline() Spread {
	return r.spread(func(p Pair) float64 { return p.Baseline })
}

// Ratio returns the spread of the pairs' ratios: 1 is as good as the baseline,
// more is better.
func (r *Result) Ratio() Spread {
	return r.spread(func(p Pair) float64 {
		if r.Lower {
			return p.Baseline / p.Value
		}
		return p.Value / p.Baseline
	})
}

// Met reports whether the median reaches the target.
func (r *Result) Met() bool {
	switch t := r.Target; {
	case t.Ratio > 0:
		return r.Ratio().Median >= t.Ratio
	case t.Most > 0:
		return r.Value().Median <= t.Most
	default:
		return r.Value().Median >= t.Least
	}
}

func (r *Result) spread(of func(Pair) float64) Spread {
	values := make([]float64, len(r.Pairs))
	for i, p := range r.Pairs {
		values[i] = of(p)
	}
	return spreadOf(values)
}
