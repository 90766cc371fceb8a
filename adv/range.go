package adv

import (
	"math"
	"strconv"
	"strings"
)

// Range is an interval of numbers, whose ends belong to it unless they are open.
// Infinite ends are no bounds.
type Range struct {
	Min, Max         float64
	OpenMin, OpenMax bool
}

// AtLeast is the numbers from n up.
func AtLeast(n float64) *Range { return &Range{Min: n, Max: math.Inf(1)} }

// AtMost is the numbers up to n.
func AtMost(n float64) *Range { return &Range{Min: math.Inf(-1), Max: n} }

// Between is the numbers from min up to max, both included.
func Between(min, max float64) *Range { return &Range{Min: min, Max: max} }

// String returns the bounds, as in ">=10 <20".
func (r Range) String() string { return strings.Join(r.bounds(), " ") }

// bounds returns one or two comparisons; where there is no bound, it says that the
// value is above minus infinity, and so a number.
func (r Range) bounds() []string {
	var all []string
	noMax := math.IsInf(r.Max, 1)
	if !math.IsInf(r.Min, -1) || noMax {
		all = append(all, comparison(">", r.OpenMin)+decimal(r.Min))
	}
	if !noMax {
		all = append(all, comparison("<", r.OpenMax)+decimal(r.Max))
	}
	return all
}

func comparison(op string, open bool) string {
	if open {
		return op
	}
	return op + "="
}

// contains reports whether a number is in the range: infinity never is.
func (r Range) contains(v float64) bool {
	return !math.IsInf(v, 0) && (v > r.Min || v == r.Min && !r.OpenMin) && (v < r.Max || v == r.Max && !r.OpenMax)
}

// empty reports whether there is nothing between the ends, or one is NaN.
func (r Range) empty() bool {
	return math.IsNaN(r.Min) || math.IsNaN(r.Max) || r.Min > r.Max || r.Min == r.Max && (r.OpenMin || r.OpenMax)
}

// narrow adds a bound: >, >=, < or <=. Of two in the same direction the stricter
// one counts.
func (r *Range) narrow(op string, v float64) {
	open := len(op) == 1
	switch {
	case op[0] == '>' && (v > r.Min || v == r.Min && open):
		r.Min, r.OpenMin = v, open
	case op[0] == '<' && (v < r.Max || v == r.Max && open):
		r.Max, r.OpenMax = v, open
	}
}

// number reads a decimal number or an infinity. What else Go takes for a number,
// people and other implementations do not.
func number(s string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && !math.IsNaN(v) && !strings.ContainsAny(s, "xX")
}

// decimal writes a number as people do, and in the short form if it is enormous or
// tiny.
func decimal(v float64) string {
	if size := math.Abs(v); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}
