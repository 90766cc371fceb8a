package report

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Run is what happened in one run of a world.
type Run struct {
	World        string        `json:"world"` // the script's name
	Began        time.Time     `json:"began"`
	Took         time.Duration `json:"took_ns"`
	Plots        []PlotSpec    `json:"plots,omitempty"`
	Err          string        `json:"err,omitempty"` // why the run failed; "": it did not
	Steps        []Step        `json:"-"`
	Measurements []Measurement `json:"-"`
}

// Step is one command of the script, or what the narrator says.
type Step struct {
	At     time.Duration `json:"at_ns"`          // since the run began
	Node   string        `json:"node,omitempty"` // where the command ran; "": the narrator's own words
	Text   string        `json:"text"`           // the command, or the words
	Output string        `json:"output,omitempty"`
	Took   time.Duration `json:"took_ns,omitempty"`
	Status int           `json:"status,omitempty"` // 0: it worked
}

// Measurement is one value that the script has measured.
type Measurement struct {
	At    time.Duration     `json:"at_ns"` // since the run began
	Name  string            `json:"name"`  // what: "reservation"
	Tags  map[string]string `json:"tags,omitempty"`
	Value float64           `json:"value"`          // finite
	Unit  string            `json:"unit,omitempty"` // "ms", [Success]
}

// Success is the unit of measurements of which the rate counts: 1 is success, 0 is
// failure.
const Success = "success"

// PlotSpec says what is to be drawn of the measurements of one name.
type PlotSpec struct {
	Title string   `json:"title,omitempty"`
	Name  string   `json:"name"`         // of the measurements
	By    []string `json:"by,omitempty"` // the tags whose values make a group
	Kind  string   `json:"kind"`
}

// The kinds of plots.
const (
	Box    = "box"    // a box for the quartiles of each group, with its values as dots
	CDF    = "cdf"    // the share of values up to each value, a line a group
	Line   = "line"   // the values over the time of the run, a line a group
	Matrix = "matrix" // the median as a heat map over two tags, the first of which makes rows
)

// Check returns an error if the value is not finite, or there is no name.
func (m Measurement) Check() error {
	if m.Name == "" {
		return fmt.Errorf("a measurement needs a name")
	}
	if !finite(m.Value) {
		return fmt.Errorf("%s: %v is no value", m.Name, m.Value)
	}
	return nil
}

// Check returns an error if nothing can be drawn of p, whatever is measured.
func (p PlotSpec) Check() error {
	switch {
	case p.Name == "":
		return fmt.Errorf("a plot needs the name of measurements")
	case p.Kind == Matrix && len(p.By) != 2:
		return fmt.Errorf("a matrix is of two tags, not %d", len(p.By))
	}
	switch p.Kind {
	case Box, CDF, Line, Matrix:
		return nil
	}
	return fmt.Errorf("%q is no kind of plot: there are %s", p.Kind, strings.Join([]string{Box, CDF, Line, Matrix}, ", "))
}

// title is the plot's title, or one made of what it shows.
func (p PlotSpec) title() string {
	if p.Title != "" {
		return p.Title
	}
	if len(p.By) == 0 {
		return p.Name
	}
	return p.Name + " by " + strings.Join(p.By, ", ")
}

// verdict says in a line how it went.
func (r *Run) verdict() string {
	commands, failed := 0, 0
	for _, s := range r.Steps {
		if s.Node != "" {
			commands++
		}
		if s.Status != 0 {
			failed++
		}
	}
	how := "passed"
	if r.Err != "" {
		how = "FAILED"
	}
	said := fmt.Sprintf("%s after %s: %s, %s", how, span(r.Took), count(commands, "command"), count(len(r.Measurements), "measurement"))
	if failed > 0 {
		said += fmt.Sprintf("; %s with a status other than 0", count(failed, "step"))
	}
	return said
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// span is a duration as people read it.
func span(d time.Duration) string {
	switch {
	case d.Abs() < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d.Abs() < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
