package load

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 4}, 4},
		{[]float64{8, 2, 4, 100}, 6},
	} {
		before := slices.Clone(c.values)
		if got := median(c.values); got != c.want || !slices.Equal(c.values, before) {
			t.Errorf("median of %v: %v, want %v", before, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	values := make([]float64, 1000)
	for i := range values {
		values[i] = float64(999 - i)
	}
	for p, want := range map[float64]float64{0: 0, 50: 500, 99: 990, 100: 999} {
		if got := percentile(values, p); got != want {
			t.Errorf("percentile %v: %v, want %v", p, got, want)
		}
	}
}

// A ratio of more than 1 is good, whichever way the figure goes.
func TestRatio(t *testing.T) {
	pairs := []Pair{{50, 100}, {200, 100}, {100, 100}}
	fast := Result{Figure: Figure{Target: Target{Ratio: 0.95}}, Pairs: pairs}
	if got := fast.Ratio(); got != (Spread{1, 0.5, 2}) || !fast.Met() {
		t.Errorf("more is better: %v", got)
	}
	slow := Result{Figure: Figure{Lower: true, Target: Target{Most: 99}}, Pairs: pairs[:2]}
	if got := slow.Ratio(); got != (Spread{1.25, 0.5, 2}) || slow.Met() {
		t.Errorf("less is better: %v", got)
	}
}

func TestMet(t *testing.T) {
	for _, c := range []struct {
		target Target
		want   bool
	}{
		{Target{}, true},
		{Target{Ratio: 2}, true},
		{Target{Ratio: 2.1}, false},
		{Target{Most: 10}, true},
		{Target{Most: 9}, false},
		{Target{Least: 10}, true},
		{Target{Least: 11}, false},
	} {
		r := Result{Figure: Figure{Target: c.target}, Pairs: []Pair{{10, 5}}}
		if r.Met() != c.want {
			t.Errorf("%v: %v", c.target, r.Met())
		}
	}
}

var someResults = []Result{
	{
		Figure: Figure{Name: "stream/tcp/libp2p", Unit: "MiB/s", Target: Target{Ratio: 0.95}},
		Pairs:  []Pair{{800, 1000}, {900, 1000}, {1234, 1000}},
	},
	{Figure: Figure{Name: "cold/tcp/libp2p", Unit: "ms", Lower: true, Target: Target{Most: 15}}, Pairs: []Pair{{12.5, 5}}},
	{Figure: Figure{Name: "process/nothing", Unit: "ms"}, Note: "no such package"},
	{Figure: Figure{Name: "delivered/lost", Unit: "%", Target: Target{Least: 100}}, Pairs: []Pair{{100, 0}}},
}

func TestTable(t *testing.T) {
	const want = `
FIGURE             UNIT   JUXTA                BASELINE                RATIO               TARGET               ROUNDS
stream/tcp/libp2p  MiB/s  900    (800–1,234)   1,000     (1,000–1,000)  0.90   (0.80–1.23)  ratio ≥ 0.95 missed  3
cold/tcp/libp2p    ms     12.5   (12.5–12.5)   5.00      (5.00–5.00)    0.40   (0.40–0.40)  ≤ 15                 1
process/nothing    ms     not measured: no such package
delivered/lost     %      100    (100–100)     0.00      (0.00–0.00)    ∞      (∞–∞)        ≥ 100                1
`
	var b strings.Builder
	if err := WriteTable(&b, someResults); err != nil {
		t.Fatal(err)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if squeeze(b.String()) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := WriteJSON(&b, someResults); err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"stream/tcp/libp2p","value":900,"unit":"MiB/s","baseline":1000,"ratio":0.9,"target":"ratio ≥ 0.95","runs":[[800,1000],[900,1000],[1234,1000]]}
{"name":"cold/tcp/libp2p","value":12.5,"unit":"ms","baseline":5,"ratio":0.4,"target":"≤ 15","runs":[[12.5,5]]}
{"name":"process/nothing","value":null,"unit":"ms","baseline":null,"ratio":null,"target":"","runs":[],"note":"no such package"}
{"name":"delivered/lost","value":100,"unit":"%","baseline":0,"ratio":null,"target":"≥ 100","runs":[[100,0]]}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	for text := range bytes.Lines(b.Bytes()) {
		if !json.Valid(text) {
			t.Errorf("no JSON: %s", text)
		}
	}
}
