package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/go-analyze/charts/chartdraw"
)

// What a plot shows at most: more cannot be told apart.
const (
	maxBoxes  = 40
	maxCurves = 12 // lines, each with a row in the legend
	maxCells  = 30 // rows, and columns
	maxDots   = 60 // values of a box
	maxPoints = 600
	maxLabel  = 36 // characters
)

// WritePlot draws p as SVG: on white, with no scripts and no fonts of its own, the
// same bytes for the same measurements. It fails if p is wrong ([PlotSpec.Check]) or
// nothing of its name was measured. A scale is logarithmic where the greatest value is
// a hundred times the least, or more. What does not fit in is left out with a note.
func (r *Run) WritePlot(w io.Writer, p PlotSpec) error {
	svg, err := r.svg(p)
	if err != nil {
		return err
	}
	_, err = w.Write(svg)
	return err
}

// svg is the plot's drawing.
func (r *Run) svg(p PlotSpec) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	data, err := r.seriesOf(p.Name)
	if err != nil {
		return nil, err
	}
	groups := groupBy(data.ms, p.By)
	if len(groups) == 0 {
		return nil, fmt.Errorf("nothing of the name %s was measured", p.Name)
	}
	f := &frame{title: p.title()}
	unit := plainLine(data.unit)
	switch p.Kind {
	case Box:
		err = f.boxes(groups, p.By, unit)
	case CDF:
		err = f.cdf(groups, unit)
	case Line:
		err = f.lines(groups, unit)
	case Matrix:
		err = f.matrix(groups, p.By, unit)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	var buf bytes.Buffer
	if err := f.chart().Render(chartdraw.SVGWithCSS(css, ""), &buf); err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	return buf.Bytes(), nil
}

// seriesOf are the measurements of a name, which must be of one unit.
func (r *Run) seriesOf(name string) (series, error) {
	found := series{name: name}
	for _, s := range r.all() {
		if s.name != name {
			continue
		}
		if len(found.ms) > 0 {
			return series{}, fmt.Errorf("%s has values in %q and in %q", name, found.unit, s.unit)
		}
		found = s
	}
	if len(found.ms) == 0 {
		return series{}, fmt.Errorf("nothing of the name %s was measured", name)
	}
	return found, nil
}

// some are the first groups, no more than most; f notes the others.
func (f *frame) some(groups []group, most int) []group {
	if len(groups) > most {
		f.note = fmt.Sprintf("the first %d of %d groups", most, len(groups))
		groups = groups[:most]
	}
	return groups
}

// cdf draws the shares of values up to each value.
func (f *frame) cdf(groups []group, unit string) error {
	groups = f.some(groups, maxCurves)
	low, high := extent(groups)
	var err error
	if f.x, err = valueAxis(unit, low, high); err != nil {
		return err
	}
	f.y = axis{low: 0, high: 100, above: "% of the values that are at most"}
	for v := 0.0; v <= 100; v += 25 {
		f.y.ticks = append(f.y.ticks, chartdraw.Tick{Value: v, Label: number(v)})
	}
	for i, g := range groups {
		x := slices.Sorted(slices.Values(g.values))
		c := curve{color: palette(i), steps: true}
		for _, k := range evenly(len(x), maxPoints) {
			c.x = append(c.x, x[k])
			c.y = append(c.y, 100*float64(k+1)/float64(len(x)))
		}
		f.add(c, fmt.Sprintf("%s (%d)", g.label(), len(x)), i)
	}
	return nil
}

// lines draws the values over the time of the run.
func (f *frame) lines(groups []group, unit string) error {
	groups = f.some(groups, maxCurves)
	low, high := extent(groups)
	var err error
	if f.y, err = valueAxis(unit, low, high); err != nil {
		return err
	}
	f.y.above, f.y.name = f.y.name, ""
	from, to := math.Inf(1), math.Inf(-1)
	for i, g := range groups {
		c := curve{color: palette(i), dots: len(g.values) <= maxDots}
		order := make([]int, len(g.values))
		for k := range order {
			order[k] = k
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(g.at[a], g.at[b]) })
		for _, k := range outline(g.values, order, maxPoints) {
			c.x = append(c.x, g.at[k].Seconds())
			c.y = append(c.y, g.values[k])
		}
		from, to = min(from, c.x[0]), max(to, c.x[len(c.x)-1])
		f.add(c, fmt.Sprintf("%s (%d)", g.label(), len(g.values)), i)
	}
	f.x = linearAxis(from, to)
	f.x.name = "seconds since the run began"
	return nil
}

// extent is the least and the greatest value.
func extent(groups []group) (low, high float64) {
	low, high = groups[0].values[0], groups[0].values[0]
	for _, g := range groups {
		low, high = min(low, slices.Min(g.values)), max(high, slices.Max(g.values))
	}
	return low, high
}

// evenly are indexes from 0 to n-1, the last one among them, but no more than most.
func evenly(n, most int) []int {
	if n < most {
		most = n
	}
	picked := make([]int, most)
	for i := range picked {
		picked[i] = (i+1)*n/most - 1
	}
	return picked
}

// outline picks of values, which are in order by way of their indexes, the least and
// the greatest of each stretch, so that no peak gets lost.
func outline(values []float64, order []int, most int) []int {
	if len(order) <= most {
		return order
	}
	var picked []int
	for i := range most / 2 {
		stretch := order[i*len(order)/(most/2) : (i+1)*len(order)/(most/2)]
		low, high := 0, 0
		for k, at := range stretch {
			if values[at] < values[stretch[low]] {
				low = k
			}
			if values[at] > values[stretch[high]] {
				high = k
			}
		}
		picked = append(picked, stretch[min(low, high)])
		if low != high {
			picked = append(picked, stretch[max(low, high)])
		}
	}
	return picked
}
