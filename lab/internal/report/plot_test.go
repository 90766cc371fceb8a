package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
)

// wellFormed reads a document of XML to its end.
func wellFormed(t *testing.T, doc []byte) {
	t.Helper()
	for d := xml.NewDecoder(bytes.NewReader(doc)); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%v in %.200s", err, doc)
			return
		}
	}
}

// Whatever was measured, a plot is drawn, or there is a reason.
func TestPlotsOfOddValues(t *testing.T) {
	for name, values := range map[string][]float64{
		"one":      {12.5},
		"zero":     {0, 0},
		"alike":    {7, 7, 7},
		"negative": {-5, -3, 2},
		"tiny":     {1e-300, 2e-300},
		"huge":     {1e307, 2e307},
		"close":    {1e16, 1e16 + 2},
		"many":     many(20_000),
		"decades":  {1e-200, 1e200},
		"wide":     {-1e308, 1e308},
		"all":      {5e-324, 1.7e308},
		"greatest": {1.7e308, 1.75e308},
		"no value": {1, math.NaN(), math.Inf(-1)},
	} {
		r := &Run{}
		for i, v := range values {
			tags := map[string]string{"a": fmt.Sprint(i % 50), "b": fmt.Sprint(i % 3)}
			r.Measurements = append(r.Measurements, Measurement{At: time.Duration(i) * time.Millisecond, Name: "x", Value: v, Tags: tags})
		}
		for _, kind := range []string{Box, CDF, Line, Matrix} {
			p := PlotSpec{Name: "x", By: []string{"a", "b"}, Kind: kind}
			svg, err := r.svg(p)
			if err != nil && strings.Contains(err.Error(), "to be drawn") && (name == "wide" || name == "all") {
				continue
			}
			if err != nil {
				t.Errorf("%s %s: %v", name, kind, err)
				continue
			}
			wellFormed(t, svg)
			if again, _ := r.svg(p); !bytes.Equal(svg, again) {
				t.Errorf("%s %s: drawn twice, it differs", name, kind)
			}
			if len(svg) > 1<<20 || bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("-9223")) {
				t.Errorf("%s %s: %d bytes: %.300s", name, kind, len(svg), svg)
			}
		}
	}
}

func many(n int) []float64 {
	values := make([]float64, n)
	for i := range values {
		values[i] = math.Sqrt(float64(i))
	}
	return values
}

func TestPlotsThatCannotBe(t *testing.T) {
	r := lived()
	for want, p := range map[string]PlotSpec{
		"nothing of the name none":    {Name: "none", Kind: Box},
		"needs the name":              {Kind: Box},
		"of two tags, not 1":          {Name: "rtt", By: []string{"node"}, Kind: Matrix},
		`"pie" is no kind of plot`:    {Name: "rtt", Kind: "pie"},
		`there are box, cdf, line, m`: {Name: "rtt"},
	} {
		if err := r.WritePlot(io.Discard, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		want      string
	}{
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{12, 97, "0 20 40 60 80 100"},
		{90, 97, "90 91 92 93 94 95 96 97"},
		{0, 0, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{-3, 4, "-3 -2 -1 0 1 2 3 4"},
		{0.5, 900, "0.1 1 10 100 1000"},
	} {
		a, err := valueAxis("", c.low, c.high)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tick := range a.ticks {
			got = append(got, tick.Label)
		}
		if s := strings.Join(got, " "); strings.ReplaceAll(s, "0.0 ", "0 ") != strings.ReplaceAll(c.want, "0.0 ", "0 ") {
			t.Errorf("%v to %v: %s, want %s", c.low, c.high, s, c.want)
		}
	}
}

// Peaks stay, however many values a line has.
func TestOutlineKeepsPeaks(t *testing.T) {
	values, order := make([]float64, 12_345), make([]int, 12_345)
	for i := range order {
		order[i] = i
	}
	values[7_000], values[12_344] = 99, -99
	picked := outline(values, order, 100)
	if len(picked) > 100 {
		t.Errorf("%d points", len(picked))
	}
	low, high := 0.0, 0.0
	for _, k := range picked {
		low, high = min(low, values[k]), max(high, values[k])
	}
	if low != -99 || high != 99 {
		t.Errorf("from %v to %v", low, high)
	}
}
