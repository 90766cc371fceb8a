package report

import (
	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"
)

// pen draws in pixels.
type pen struct {
	r    chartdraw.Renderer
	box  chartdraw.Box // between the axes
	x, y chartdraw.Range
}

// at is the place of a value.
func (p *pen) at(x, y float64) (px, py int) {
	return p.box.Left + p.x.Translate(x), p.box.Bottom - p.y.Translate(y)
}

// path draws a line from point to point: x, y, x, y...
func (p *pen) path(c drawing.Color, width float64, dash []float64, points ...int) {
	p.style(chartdraw.Style{StrokeColor: c, StrokeWidth: width, StrokeDashArray: dash})
	for i := 0; i+1 < len(points); i += 2 {
		if i == 0 {
			p.r.MoveTo(points[i], points[i+1])
		} else {
			p.r.LineTo(points[i], points[i+1])
		}
	}
	p.r.Stroke()
}

// rect fills a rectangle, and draws its edge if that has a colour.
func (p *pen) rect(left, top, right, bottom int, fill, edge drawing.Color) {
	p.style(chartdraw.Style{FillColor: fill, StrokeColor: edge, StrokeWidth: 1.5})
	p.r.MoveTo(left, top)
	p.r.LineTo(right, top)
	p.r.LineTo(right, bottom)
	p.r.LineTo(left, bottom)
	p.r.Close()
	if edge.IsTransparent() {
		p.r.Fill()
	} else {
		p.r.FillStroke()
	}
}

// dot fills a circle.
func (p *pen) dot(x, y int, radius float64, fill drawing.Color) {
	p.style(chartdraw.Style{FillColor: fill})
	p.r.Circle(radius, x, y)
	p.r.Fill()
}

// The classes of texts that do not begin where they stand. How wide a text becomes is
// only known where its font is.
const (
	classEnd  = "juxta-end"  // ends there
	classMid  = "juxta-mid"  // has its middle there
	classDark = "juxta-dark" // so, too, and is on a dark ground
)

// css are the styles of the classes.
var css = ".juxta-end,.juxta-mid,.juxta-dark{font:12px Roboto,sans-serif}" +
	".juxta-end{text-anchor:end;fill:" + ink.String() + "}" +
	".juxta-mid{text-anchor:middle;fill:#000}" +
	".juxta-dark{text-anchor:middle;fill:#fff}"

// text writes s from x to the right, on the line y.
func (p *pen) text(s string, x, y int, size float64) {
	p.style(chartdraw.Style{FontStyle: chartdraw.FontStyle{FontSize: size, FontColor: ink, Font: chartdraw.GetDefaultFont()}})
	p.r.Text(s, x, y)
}

// anchored writes s at x, with the middle of its height at y.
func (p *pen) anchored(s string, x, y int, class string) {
	p.r.ResetStyle()
	p.r.SetClassName(class)
	p.r.Text(s, x, y+4)
	p.r.SetClassName("")
}

func (p *pen) style(s chartdraw.Style) {
	p.r.ResetStyle()
	s.WriteToRenderer(p.r)
}

// textWidth is how many pixels s takes, or some more: not every computer has the font.
func textWidth(s string, size float64) int {
	r := chartdraw.SVG(1, 1)
	p := &pen{r: r}
	p.style(chartdraw.Style{FontStyle: chartdraw.FontStyle{FontSize: size, Font: chartdraw.GetDefaultFont()}})
	return r.MeasureText(s).Width() * 115 / 100
}

// curve is a line through values.
type curve struct {
	x, y  []float64
	color drawing.Color
	dash  []float64
	steps bool // from each value to the next at a right angle, and up from 0
	dots  bool
}

func (c curve) draw(p *pen) {
	var points []int
	if c.steps {
		x, y := p.at(c.x[0], 0)
		points = append(points, x, y)
	}
	for i := range c.x {
		x, y := p.at(c.x[i], c.y[i])
		if c.steps {
			points = append(points, x, points[len(points)-1])
		}
		points = append(points, x, y)
	}
	if c.steps {
		points = append(points, p.box.Right, points[len(points)-1])
	}
	p.path(c.color, 2, c.dash, points...)
	if c.dots {
		for i := range c.x {
			x, y := p.at(c.x[i], c.y[i])
			p.dot(x, y, 3, c.color)
		}
	}
}
