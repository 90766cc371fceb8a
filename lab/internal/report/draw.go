package report

import (
	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"
)

// Sizes in pixels.
const (
	width     = 820
	textSize  = 9.0 // points
	titleSize = 12.0
	lineSkip  = 18
)

// The colours. Ink is no other's, so that a page can exchange it.
var (
	ink         = drawing.Color{R: 33, G: 34, B: 35, A: 255}
	faint       = drawing.Color{R: 128, G: 128, B: 128, A: 80}
	transparent = drawing.Color{R: 255, G: 255, B: 255}
)

// palette is a colour for the thing with index i: those of Okabe and Ito, which
// people who see fewer colours tell apart as well. The yellow is left out, as it is
// hard to see on white.
func palette(i int) drawing.Color {
	colors := []drawing.Color{
		{R: 0, G: 114, B: 178, A: 255},
		{R: 213, G: 94, B: 0, A: 255},
		{R: 0, G: 158, B: 115, A: 255},
		{R: 204, G: 121, B: 167, A: 255},
		{R: 86, G: 180, B: 233, A: 255},
		{R: 230, G: 159, B: 0, A: 255},
	}
	return colors[i%len(colors)]
}

// dash is the line of the thing with index i, which differs where the colour does
// not.
func dash(i int) []float64 {
	return [][]float64{nil, {7, 4}, {2, 3}}[i/6%3]
}

// frame is a plot as it is made: axes, and what is drawn in between.
type frame struct {
	title, note string
	x, y        axis
	height      int     // of the drawing; 0: 400
	slant       float64 // of the labels of x, in degrees
	right       int     // how much further the labels of x go
	parts       []part
	legend      []entry
}

// entry is a row of the legend.
type entry struct {
	label string
	color drawing.Color
	dash  []float64
}

// part is something that is drawn between the axes; at gives the place of a value.
type part interface {
	draw(p *pen)
}

// add draws a curve, and its row in the legend.
func (f *frame) add(c curve, label string, i int) {
	c.dash = dash(i)
	f.parts = append(f.parts, c)
	f.legend = append(f.legend, entry{clip(label, maxLabel), c.color, c.dash})
}

// chart is the library's, with all in it.
func (f *frame) chart() chartdraw.Chart {
	if f.height == 0 {
		f.height = 400
	}
	text := chartdraw.FontStyle{FontSize: textSize, FontColor: ink, Font: chartdraw.GetDefaultFont()}
	grid := chartdraw.Style{StrokeColor: faint, StrokeWidth: 1}
	lines := chartdraw.Style{FontStyle: text, StrokeColor: ink, StrokeWidth: 1}
	slanted := lines
	slanted.TextRotationDegrees = f.slant
	legend := lineSkip * len(f.legend)
	return chartdraw.Chart{
		Width: width, Height: f.height + legend,
		Background: chartdraw.Style{
			FillColor: drawing.ColorWhite,
			Padding:   chartdraw.Box{Top: 62, Left: 20 + f.y.widest(), Right: 24 + f.right, Bottom: 14 + legend, IsSet: true},
		},
		Canvas: chartdraw.Style{FillColor: transparent, StrokeColor: transparent},
		XAxis: chartdraw.XAxis{
			Name: f.x.name, NameStyle: chartdraw.Style{FontStyle: text},
			Style: lines, TickStyle: slanted, Ticks: f.x.ticks, Range: &scale{axis: f.x},
			GridMajorStyle: grid, GridLines: gridLines(f.x),
		},
		YAxis: chartdraw.YAxis{Style: chartdraw.Hidden(), Range: &scale{axis: f.y}}, // the one on the right
		YAxisSecondary: chartdraw.YAxis{
			Style: lines, TickStyle: lines, Ticks: f.y.blank(), Range: &scale{axis: f.y},
			GridMajorStyle: grid, GridLines: gridLines(f.y), Zero: chartdraw.GridLine{Style: chartdraw.Hidden()},
		},
		Series:   []chartdraw.Series{content{f.parts}},
		Elements: []chartdraw.Renderable{f.words},
	}
}

// gridLines are at the ticks.
func gridLines(a axis) []chartdraw.GridLine {
	lines := make([]chartdraw.GridLine, len(a.ticks))
	for i, t := range a.ticks {
		lines[i] = chartdraw.GridLine{Value: t.Value}
	}
	return lines
}

// words draws the title, what stands above y and beside it, and the legend.
func (f *frame) words(r chartdraw.Renderer, box chartdraw.Box, _ chartdraw.Style) {
	p := &pen{r: r, box: box, y: &scale{axis: f.y, domain: box.Height()}}
	p.text(clip(plainLine(f.title), 80), 16, 26, titleSize)
	above := f.y.above
	if f.note != "" {
		above += "; " + f.note
	}
	p.text(clip(above, 110), 16, 48, textSize)
	for _, t := range f.y.ticks {
		p.anchored(t.Label, box.Left-9, box.Bottom-p.y.Translate(t.Value), classEnd)
	}
	for i, e := range f.legend {
		y := f.height - 6 + lineSkip*i
		p.path(e.color, 2.5, e.dash, box.Left, y, box.Left+28, y)
		p.text(e.label, box.Left+36, y+4, textSize)
	}
}

// content is the library's series of all parts.
type content struct{ parts []part }

// GetName, and what follows, is what the library wants.
func (content) GetName() string               { return "" }
func (content) GetYAxis() chartdraw.YAxisType { return chartdraw.YAxisSecondary }
func (content) GetStyle() chartdraw.Style     { return chartdraw.Style{} }
func (content) Validate() error               { return nil }

// Render draws the parts in their order.
func (c content) Render(r chartdraw.Renderer, box chartdraw.Box, x, y chartdraw.Range, _ chartdraw.Style) {
	p := &pen{r: r, box: box, x: x, y: y}
	for _, part := range c.parts {
		part.draw(p)
	}
}
