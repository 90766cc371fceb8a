package report

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		x       []float64
		q, want float64
	}{
		{[]float64{7}, 0.95, 7},
		{[]float64{1, 2}, 0.5, 1.5},
		{[]float64{1, 2, 3, 4}, 0.25, 1.75}, // as R and NumPy have it
		{[]float64{1, 2, 3, 5}, 0.75, 3.5},
		{[]float64{1, 2, 3}, 1, 3},
		{[]float64{1, 2, 3}, 0, 1},
		{[]float64{-1e308, 1e308}, 0.5, 0},
	} {
		if got := quantile(c.x, c.q); got != c.want {
			t.Errorf("quantile(%v, %v) = %v, want %v", c.x, c.q, got, c.want)
		}
	}
	values := []float64{3, 1, 2}
	if s := summarize(values); s.median != 2 || s.min != 1 || s.max != 3 || values[0] != 3 {
		t.Errorf("%+v of %v", s, values)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 12.3456: "12.35", 0.00123456: "0.001235", 123456.7: "123457", -2.5: "-2.5", 100: "100",
		1e20: "1e+20", 0.1 + 0.2: "0.3", 999.96: "1000", 1e-9: "1e-09",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}

func TestNaturalOrder(t *testing.T) {
	want := strings.Fields("2 10 010 a node node2 node2b node10 node10a nodes é")
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if got[1] != "010" && got[1] != "10" || !slices.Equal(got[3:], want[3:]) {
		t.Errorf("%q", got)
	}
	for _, a := range want {
		for _, b := range want {
			if compareNatural(a, b) != -compareNatural(b, a) {
				t.Errorf("%q and %q have no order", a, b)
			}
		}
	}
}

func TestNothingIsMixed(t *testing.T) {
	r := &Run{Measurements: []Measurement{
		{Name: "x", Value: 1, Unit: "ms"},
		{Name: "x", Value: 2, Unit: "s"},
		{Name: "y", Value: 1, Tags: map[string]string{"a": "1", "b": ""}},
		{Name: "y", Value: 3, Tags: map[string]string{"a": "1"}},
	}}
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if tables := r.tables(); len(tables) != 3 || len(tables[2].Rows) != 1 {
		t.Errorf("%s", b.String())
	}
	if _, err := r.svg(PlotSpec{Name: "x", Kind: CDF}); err == nil || !strings.Contains(err.Error(), `x has values in "ms" and in "s"`) {
		t.Errorf("a plot of two units: %v", err)
	}
}

// A series of very many tags, or very many series, take neither all time nor all
// room.
func TestTablesOfMuch(t *testing.T) {
	r := &Run{}
	for i := range 50_000 {
		s := strconv.Itoa(i)
		r.Measurements = append(r.Measurements, Measurement{Name: "same", Tags: map[string]string{"tag" + s: s}}, Measurement{Name: s})
	}
	tables := r.tables()
	last := tables[len(tables)-1]
	if last.Title != "same (by 12 of 50000 tags)" || last.Text != 12 || len(last.Rows) != 13 || len(tables) != 50_001 {
		t.Errorf("%d tables, the last one %s with %d rows", len(tables), last.Title, len(last.Rows))
	}
}
