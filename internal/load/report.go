package load

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the results in aligned columns, medians with their spread.
func WriteTable(w io.Writer, results []Result) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tUNIT\tJUXTA\t\tBASELINE\t\tRATIO\t\tTARGET\tROUNDS")
	for i := range results {
		r := &results[i]
		if len(r.Pairs) == 0 {
			fmt.Fprintf(t, "%s\t%s\tnot measured: %s\n", r.Name, r.Unit, r.Note)
			continue
		}
		verdict := r.Target.String()
		if verdict != "" && !r.Met() {
			verdict += " missed"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n",
			r.Name, r.Unit, columns(r.Value()), columns(r.Baseline()), columns(r.Ratio()),
			verdict+fmt.Sprintf("\t%d", len(r.Pairs)))
	}
	return t.Flush()
}

// columns are two: the median, and from where to where the values go.
func columns(s Spread) string {
	return fmt.Sprintf("%s\t(%s–%s)", number(s.Median), number(s.Min), number(s.Max))
}

// number has three digits that matter, and all those before the point.
func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "∞"
	case v >= 100:
		return group(fmt.Sprintf("%.0f", v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// group sets a comma before each three digits.
func group(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// line is a result as JSON. Value, baseline and ratio are medians, and null if
// there were no runs, or, the ratio, if the baseline is 0.
type line struct {
	Name     string       `json:"name"`
	Value    *float64     `json:"value"`
	Unit     string       `json:"unit"`
	Baseline *float64     `json:"baseline"`
	Ratio    *float64     `json:"ratio"`
	Target   string       `json:"target"`
	Runs     [][2]float64 `json:"runs"` // of juxta and the baseline, in turn
	Note     string       `json:"note,omitempty"`
}

// WriteJSON writes one object a line.
func WriteJSON(w io.Writer, results []Result) error {
	enc := json.NewEncoder(w)
	for i := range results {
		r := &results[i]
		l := line{Name: r.Name, Unit: r.Unit, Target: r.Target.String(), Runs: [][2]float64{}, Note: r.Note}
		for _, pair := range r.Pairs {
			l.Runs = append(l.Runs, [2]float64{pair.Value, pair.Baseline})
		}
		if len(r.Pairs) > 0 {
			l.Value, l.Baseline, l.Ratio = finite(r.Value().Median), finite(r.Baseline().Median), finite(r.Ratio().Median)
		}
		if err := enc.Encode(&l); err != nil {
			return err
		}
	}
	return nil
}

// finite returns nil for what JSON has no word for.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
