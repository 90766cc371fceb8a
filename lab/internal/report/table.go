package report

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mattn/go-runewidth"
)

// table is what one series comes to, a row for each combination of tags.
type table struct {
	Title string
	Head  []string
	Text  int // so many columns are text; the others are numbers, but the last one
	Rows  [][]string
}

// tables are the run's, by name.
func (r *Run) tables() []table {
	var tables []table
	for _, s := range r.all() {
		tags, n := s.tags()
		t := table{Title: plainLine(s.name), Text: len(tags)}
		if n > len(tags) {
			t.Title += fmt.Sprintf(" (by %d of %d tags)", len(tags), n)
		}
		for _, tag := range tags {
			t.Head = append(t.Head, plainLine(tag))
		}
		if s.unit == Success {
			t.Head = append(t.Head, "n", "ok", "rate", "unit")
		} else {
			t.Head = append(t.Head, "n", "min", "median", "p95", "max", "unit")
		}
		for _, g := range groupBy(s.ms, tags) {
			t.Rows = append(t.Rows, row(g, s.unit))
		}
		tables = append(tables, t)
	}
	return tables
}

// row is a group's.
func row(g group, unit string) []string {
	var cells []string
	for _, k := range g.key {
		if k == "" {
			k = "–"
		}
		cells = append(cells, plainLine(k))
	}
	if unit == Success {
		return append(cells, strconv.Itoa(len(g.values)), strconv.Itoa(good(g.values)), number(rate(g.values)), "%")
	}
	s := summarize(g.values)
	return append(cells, strconv.Itoa(s.n), number(s.min), number(s.median), number(s.p95), number(s.max), plainLine(unit))
}

// good counts the successes.
func good(values []float64) int {
	n := 0
	for _, v := range values {
		if v > 0 {
			n++
		}
	}
	return n
}

// rate is the share of successes in percent.
func rate(values []float64) float64 {
	return 100 * float64(good(values)) / float64(max(1, len(values)))
}

// WriteTable writes, for each name of measurements, a table with a row for each
// combination of tags: how many there are, and the least, the median, the p95 and the
// greatest; of [Success], how many there are, how many are good, and the rate.
func (r *Run) WriteTable(w io.Writer) error {
	buf := bufio.NewWriter(w)
	for i, t := range r.tables() {
		if i > 0 {
			fmt.Fprintln(buf)
		}
		fmt.Fprintln(buf, t.Title)
		lines := append([][]string{t.Head}, t.Rows...)
		widths := make([]int, len(t.Head))
		for _, cells := range lines {
			for i, c := range cells {
				widths[i] = max(widths[i], runewidth.StringWidth(c))
			}
		}
		for _, cells := range lines {
			fmt.Fprintln(buf, t.line(cells, widths))
		}
	}
	if len(r.Measurements) == 0 {
		fmt.Fprintln(buf, "Nothing was measured.")
	}
	return buf.Flush()
}

// line aligns the cells of a row.
func (t table) line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		gap := strings.Repeat(" ", widths[i]-runewidth.StringWidth(c))
		b.WriteString("  ")
		if i < t.Text || i == len(cells)-1 {
			b.WriteString(c + gap)
		} else {
			b.WriteString(gap + c)
		}
	}
	return strings.TrimRight(b.String(), " ")
}
