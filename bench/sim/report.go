package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// Figure is one number that was measured.
type Figure struct {
	Name     string
	Value    float64 // NaN: it could not be had
	Unit     string
	Baseline float64 // 0: there is none
	Target   Target
}

// Target is what a figure has to reach; zero: nothing is asked of it.
type Target struct {
	Ratio       float64 // to the baseline, at least
	Most, Least float64 // the value itself
}

// String returns "", "ratio ≥ 5", "≤ 60" or "≥ 0.99".
func (t Target) String() string {
	switch {
	case t.Ratio > 0:
		return fmt.Sprintf("ratio ≥ %g", t.Ratio)
	case t.Most > 0:
		return fmt.Sprintf("≤ %g", t.Most)
	case t.Least > 0:
		return fmt.Sprintf("≥ %g", t.Least)
	}
	return ""
}

// Ratio is how many times better than the baseline it is: of all that have one, less
// is better. It is NaN where there is none.
func (f *Figure) Ratio() float64 {
	if f.Baseline == 0 {
		return math.NaN()
	}
	return f.Baseline / f.Value
}

// Met reports whether the target is reached.
func (f *Figure) Met() bool {
	switch t := f.Target; {
	case t.Ratio > 0:
		return f.Ratio() >= t.Ratio
	case t.Most > 0:
		return f.Value <= t.Most
	case t.Least > 0:
		return f.Value >= t.Least
	}
	return true
}

// beside sets the baseline, and how many times better the figure has to be; 0: nobody
// asks.
func (f *Figure) beside(baseline, ratio float64) {
	f.Baseline, f.Target.Ratio = baseline, ratio
}

func (f *Figure) atMost(v float64)  { f.Target.Most = v }
func (f *Figure) atLeast(v float64) { f.Target.Least = v }

// report collects figures. One scene at a time adds to it.
type report struct {
	out     io.Writer
	json    bool
	figures []*Figure
}

func (r *report) add(f Figure) *Figure {
	r.figures = append(r.figures, &f)
	return &f
}

func (r *report) write() error {
	if r.json {
		return r.writeJSON()
	}
	t := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tUNIT\tJUXTA\tBASELINE\tRATIO\tTARGET")
	for _, f := range r.figures {
		verdict := f.Target.String()
		if verdict != "" && !f.Met() {
			verdict += " missed"
		}
		baseline := math.NaN()
		if f.Baseline != 0 {
			baseline = f.Baseline
		}
		line := strings.Join([]string{f.Name, f.Unit, number(f.Value), number(baseline), number(f.Ratio()), verdict}, "\t")
		fmt.Fprintln(t, strings.TrimRight(line, "\t"))
	}
	return t.Flush()
}

// number has four digits that matter, and all those before the point.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case v >= 1000 || v == math.Trunc(v):
		return fmt.Sprintf("%.0f", v)
	case v >= 100:
		return fmt.Sprintf("%.1f", v)
	case v >= 10:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

func (r *report) writeJSON() error {
	enc := json.NewEncoder(r.out)
	for _, f := range r.figures {
		err := enc.Encode(&struct {
			Name     string   `json:"name"`
			Value    *float64 `json:"value"`
			Unit     string   `json:"unit"`
			Baseline *float64 `json:"baseline"`
			Ratio    *float64 `json:"ratio"`
			Target   string   `json:"target"`
			Met      bool     `json:"met"`
		}{f.Name, known(f.Value), f.Unit, known(f.Ratio() * f.Value), known(f.Ratio()), f.Target.String(), f.Met()})
		if err != nil {
			return err
		}
	}
	return nil
}

// known returns nil for what is no number.
func known(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// percentile returns the value that p of 100 of them do not exceed, NaN of none.
func percentile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
