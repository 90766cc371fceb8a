package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

// What the page shows at most, so that a browser can show it: the other files have
// all of it.
const (
	maxPageOutput = 16 << 10 // bytes of one step's output, and of its text
	maxPageTotal  = 2 << 20  // of all steps
	maxPageSteps  = 5000
	maxPageRows   = 500 // of a table
	maxPageTables = 100
)

//go:embed page.html
var pageText string

// page is what the template shows. All of its strings are escaped; the plots alone
// are not, whose text the plotting library has escaped.
type page struct {
	World, Began, Stamp, Verdict, Err string
	Plots                             []pagePlot
	Tables                            []table
	TablesNote                        string
	Steps                             []pageStep
	StepsNote                         string
}

type pagePlot struct {
	Title, Problem string
	SVG            template.HTML
}

type pageStep struct {
	At, Node, Text, Output, Note string
	Failed                       bool
}

// WriteHTML writes the report as one page that needs no other file: what came of the
// run, the plots, the tables and the story. What would be too much for a browser is
// left out, with a note.
func (r *Run) WriteHTML(w io.Writer) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	p := page{
		World: plainLine(r.World), Began: r.Began.Format(storyTime), Stamp: r.Began.Format(time.RFC3339),
		Verdict: r.verdict(), Err: plain(cut(r.Err, maxPageOutput)), Plots: r.pagePlots(),
	}
	p.Tables, p.TablesNote = r.pageTables()
	p.Steps, p.StepsNote = r.pageSteps()
	return t.Execute(w, p)
}

func (r *Run) pagePlots() []pagePlot {
	var plots []pagePlot
	for _, spec := range r.Plots {
		p := pagePlot{Title: plainLine(spec.title())}
		if svg, err := r.svg(spec); err != nil {
			p.Problem = plain(err.Error())
		} else {
			p.SVG = inPage(svg)
		}
		plots = append(plots, p)
	}
	return plots
}

// inPage makes a plot's paper and ink those of the page around it, which may be dark.
func inPage(svg []byte) template.HTML {
	svg = bytes.ReplaceAll(svg, []byte(ink.String()), []byte("currentColor"))
	return template.HTML(bytes.Replace(svg, []byte("fill:white"), []byte("fill:none"), 1))
}

func (r *Run) pageTables() (tables []table, note string) {
	tables = r.tables()
	left := 0
	if len(tables) > maxPageTables {
		for _, t := range tables[maxPageTables:] {
			left += len(t.Rows)
		}
		tables = tables[:maxPageTables]
	}
	for i, t := range tables {
		if len(t.Rows) > maxPageRows {
			left += len(t.Rows) - maxPageRows
			tables[i].Rows = t.Rows[:maxPageRows]
		}
	}
	if left > 0 {
		note = fmt.Sprintf("%s left out here: see table.txt.", count(left, "more row"))
	}
	return tables, note
}

func (r *Run) pageSteps() (steps []pageStep, note string) {
	total := 0
	for i, s := range r.Steps {
		if i == maxPageSteps || total > maxPageTotal {
			return steps, fmt.Sprintf("%s left out here: see story.txt.", count(len(r.Steps)-i, "more step"))
		}
		text, output := cut(s.Text, maxPageOutput), cut(s.Output, maxPageOutput)
		total += len(text) + len(output)
		steps = append(steps, pageStep{
			At: offset(s.At), Node: plainLine(s.Node), Text: plain(text),
			Output: strings.TrimRight(plain(output), "\n"), Note: s.note(), Failed: s.Status != 0,
		})
	}
	return steps, ""
}

// Number reports whether a column is of numbers.
func (t table) Number(column int) bool { return column >= t.Text && column < len(t.Head)-1 }
