package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-analyze/charts/chartdraw/drawing"
)

// boxes draws a box for each group, one below the other, so that there is room for
// their names.
func (f *frame) boxes(groups []group, by []string, unit string) error {
	groups = slices.Clone(f.some(groups, maxBoxes))
	slices.Reverse(groups) // y goes up
	low, high := extent(groups)
	var err error
	if f.x, err = valueAxis(unit, low, high); err != nil {
		return err
	}
	labels := make([]string, len(groups))
	for i, g := range groups {
		labels[i] = fmt.Sprintf("%s (%d)", clip(g.label(), maxLabel-6), len(g.values))
		f.parts = append(f.parts, box{at: float64(i + 1), values: g.values, color: palette(len(groups) - 1 - i)})
	}
	f.y = slots(labels)
	f.y.above = "quartiles, median, range, and each value"
	if len(by) > 0 {
		f.y.above = plainLine(strings.Join(by, " / ")) + ": " + f.y.above
	}
	f.height = 140 + 40*len(groups)
	return nil
}

// box is that of one group: from the first to the third quartile, with a line at the
// median; whiskers to the least and the greatest value.
type box struct {
	at     float64
	values []float64
	color  drawing.Color
}

func (b box) draw(p *pen) {
	s := summarize(b.values)
	least, y := p.at(s.min, b.at)
	most, _ := p.at(s.max, b.at)
	q1, _ := p.at(s.q1, b.at)
	q3, _ := p.at(s.q3, b.at)
	median, _ := p.at(s.median, b.at)
	p.path(b.color, 1.5, nil, least, y, q1, y)
	p.path(b.color, 1.5, nil, q3, y, most, y)
	p.rect(q1, y-12, q3, y+12, b.color.WithAlpha(50), b.color)
	for _, v := range b.dots() {
		x, _ := p.at(v, b.at)
		p.dot(x, y, 2.5, b.color.WithAlpha(170))
	}
	p.path(ink, 2.5, nil, median, y-12, median, y+12)
}

// dots are the values that are drawn: of many, the least and the greatest, with
// others in between.
func (b box) dots() []float64 {
	x := slices.Sorted(slices.Values(b.values))
	dots := []float64{x[0]}
	for _, k := range evenly(len(x), maxDots) {
		dots = append(dots, x[k])
	}
	return slices.Compact(dots)
}
