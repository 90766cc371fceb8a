package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/go-analyze/charts/chartdraw"
)

// axis is a range with its marks.
type axis struct {
	name      string // stands below a horizontal one
	above     string // stands above a vertical one
	low, high float64
	log       bool
	ticks     []chartdraw.Tick
}

// valueAxis is that of values from low to high, linear or logarithmic.
func valueAxis(unit string, low, high float64) (axis, error) {
	if math.IsInf(high-low, 0) {
		return axis{}, fmt.Errorf("values from %v to %v are too far apart to be drawn", low, high)
	}
	a := linearAxis(low, high)
	if low > 0 && high/low >= 100 {
		if l := logAxis(low, high); l.low > 0 && finite(l.high) {
			a = l
		}
	}
	if !finite(a.high - a.low) {
		return axis{}, fmt.Errorf("values up to %v are too great to be drawn", high)
	}
	if a.name = unit; a.log {
		a.name += " (logarithmic)"
	}
	return a, nil
}

// linearAxis has some marks at round values, and begins at 0 if that is not far.
func linearAxis(low, high float64) axis {
	if low > 0 && low < high/2 {
		low = 0
	}
	if high-low <= 1e-9*max(math.Abs(low), math.Abs(high)) {
		low, high = low-math.Abs(low)/2, high+math.Abs(high)/2
	}
	if low == high {
		low, high = 0, 1
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/5)))
	for _, by := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if (high-low)/step > 8 {
			step *= by
		}
	}
	first, last := math.Floor(low/step), math.Ceil(high/step)
	a := axis{low: first * step, high: last * step}
	for i := 0.0; first+i <= last && i < 20; i++ {
		v := (first + i) * step
		a.ticks = append(a.ticks, chartdraw.Tick{Value: v, Label: tickLabel(v, step)})
	}
	return a
}

// tickLabel has the decimals that a step needs.
func tickLabel(v, step float64) string {
	if v == 0 {
		return "0"
	}
	if step >= 1e15 || step < 1e-6 {
		return fmt.Sprintf("%.4g", v)
	}
	return fmt.Sprintf("%.*f", int(max(0, math.Ceil(-math.Log10(step)-1e-9))), v)
}

// logAxis has a mark at each power of ten, or at some of them.
func logAxis(low, high float64) axis {
	first, last := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	a := axis{log: true, low: math.Pow(10, first), high: math.Pow(10, last)}
	every := math.Ceil((last - first) / 10)
	for e := first; e <= last; e++ {
		if e == last || math.Mod(e-first, every) == 0 {
			a.ticks = append(a.ticks, chartdraw.Tick{Value: math.Pow(10, e), Label: number(math.Pow(10, e))})
		}
	}
	return a
}

// slots is an axis with a place for each of n labels, at 1 to n.
func slots(labels []string) axis {
	a := axis{low: 0.5, high: float64(len(labels)) + 0.5}
	for i, l := range labels {
		a.ticks = append(a.ticks, chartdraw.Tick{Value: float64(i + 1), Label: clip(l, maxLabel)})
	}
	return a
}

// widest is how many pixels the labels take at most.
func (a axis) widest() int {
	w := 0
	for _, t := range a.ticks {
		w = max(w, textWidth(t.Label, textSize))
	}
	return w
}

// blank are the ticks without their labels.
func (a axis) blank() []chartdraw.Tick {
	ticks := slices.Clone(a.ticks)
	for i := range ticks {
		ticks[i].Label = ""
	}
	return ticks
}

// scale is an axis in pixels: a range of the library, which its own ticks do not
// widen.
type scale struct {
	axis
	domain int
}

// String, and what follows, is what the library wants.
func (s *scale) String() string       { return fmt.Sprintf("%g to %g", s.low, s.high) }
func (s *scale) IsZero() bool         { return false }
func (s *scale) GetMin() float64      { return s.low }
func (s *scale) GetMax() float64      { return s.high }
func (s *scale) SetMin(float64)       {}
func (s *scale) SetMax(float64)       {}
func (s *scale) GetDelta() float64    { return s.high - s.low }
func (s *scale) GetDomain() int       { return s.domain }
func (s *scale) SetDomain(domain int) { s.domain = domain }
func (s *scale) IsDescending() bool   { return false }

// Translate is where on the scale a value is.
func (s *scale) Translate(v float64) int {
	part := (v - s.low) / (s.high - s.low)
	if s.log {
		part = (math.Log(v) - math.Log(s.low)) / (math.Log(s.high) - math.Log(s.low))
	}
	return int(math.Round(part * float64(s.domain)))
}
