package report

import (
	"math"
	"slices"

	"github.com/go-analyze/charts/chartdraw/drawing"
)

// matrix draws a cell for each pair of values of two tags, darker for more, with the
// median in it, or the rate.
func (f *frame) matrix(groups []group, by []string, unit string) error {
	rows, columns := keys(groups, 0), keys(groups, 1)
	if len(rows) > maxCells || len(columns) > maxCells {
		f.note = "only the first rows and columns"
		rows, columns = rows[:min(len(rows), maxCells)], columns[:min(len(columns), maxCells)]
	}
	m := heat{rows: len(rows), columns: len(columns), percent: unit == Success}
	what := "median"
	if unit == Success {
		what, unit = "rate", "%"
	}
	for _, g := range groups {
		row, column := slices.Index(rows, g.key[0]), slices.Index(columns, g.key[1])
		if row < 0 || column < 0 {
			continue
		}
		v := summarize(g.values).median
		if what == "rate" {
			v = rate(g.values)
		}
		m.cells = append(m.cells, cell{row: row, column: column, value: v})
	}
	f.parts = append(f.parts, m)
	slices.Reverse(rows) // y goes up
	f.y, f.x = slots(labels(rows)), slots(labels(columns))
	f.x.name = plainLine(by[1])
	f.y.above = plainLine(by[0]) + " in rows, " + f.x.name + " in columns: " + what
	if unit != "" {
		f.y.above += " in " + unit
	}
	if low, high := m.extent(); len(columns) > 10 {
		f.y.above += ", from " + number(low) + " (light) to " + number(high) + " (dark)"
	}
	f.height = 190 + 42*len(rows)
	if len(rows) > 10 {
		f.height = 190 + 24*len(rows)
	}
	f.tilt(len(columns))
	return nil
}

// tilt slants the labels of the columns if they are too long for them.
func (f *frame) tilt(columns int) {
	room := (width - 50 - f.y.widest()) / columns
	if w := f.x.widest(); w > room-8 {
		f.x.name = "" // what stands above y says it, too
		f.slant = 35
		if room < 30 {
			f.slant = 60
		}
		sin, cos := math.Sincos(f.slant * math.Pi / 180)
		f.right = max(0, int(float64(w)*cos)-room/2)
		f.height += int(float64(w) * sin)
	}
}

// keys are the values of the tag with index i, in order.
func keys(groups []group, i int) []string {
	var keys []string
	for _, g := range groups {
		keys = append(keys, g.key[i])
	}
	slices.SortFunc(keys, compareNatural)
	return slices.Compact(keys)
}

func labels(keys []string) []string {
	labels := make([]string, len(keys))
	for i, k := range keys {
		labels[i] = group{key: []string{k}}.label()
	}
	return labels
}

// heat is the cells of a matrix.
type heat struct {
	rows, columns int
	percent       bool // from 0 to 100
	cells         []cell
}

type cell struct {
	row, column int // from above, and from the left
	value       float64
}

// extent is what is lightest and what is darkest.
func (h heat) extent() (low, high float64) {
	if h.percent {
		return 0, 100
	}
	low, high = h.cells[0].value, h.cells[0].value
	for _, c := range h.cells {
		low, high = min(low, c.value), max(high, c.value)
	}
	return low, high
}

func (h heat) draw(p *pen) {
	low, high := h.extent()
	room := p.box.Width() / h.columns
	legible := !slices.ContainsFunc(h.cells, func(c cell) bool { return textWidth(number(c.value), textSize) > room-6 })
	for _, c := range h.cells {
		x, y := float64(c.column+1), float64(h.rows-c.row)
		left, bottom := p.at(x-0.5, y-0.5)
		right, top := p.at(x+0.5, y+0.5)
		part := 0.0
		switch {
		case low > 0 && high/low >= 100:
			part = (math.Log(c.value) - math.Log(low)) / (math.Log(high) - math.Log(low))
		case high > low:
			part = c.value/(high-low) - low/(high-low)
		}
		p.rect(left+1, top+1, right-1, bottom-1, shade(part), drawing.Color{})
		class := classMid
		if part > 0.65 {
			class = classDark
		}
		if legible {
			p.anchored(number(c.value), (left+right)/2, (top+bottom)/2, class)
		}
	}
}

// shade is from light to dark blue: lightness tells, whatever colours one sees.
func shade(part float64) drawing.Color {
	from, to := [3]float64{222, 235, 247}, [3]float64{8, 48, 107}
	var c [3]uint8
	for i := range c {
		c[i] = uint8(from[i] + part*(to[i]-from[i]))
	}
	return drawing.Color{R: c[0], G: c[1], B: c[2], A: 255}
}
