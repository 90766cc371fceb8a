package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be its own server, as bench is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		if err := serve(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

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
	runs := []Run{{50, 100}, {200, 100}, {100, 100}}
	fast := Result{Figure: Figure{Target: Target{Ratio: 0.95}}, Runs: runs}
	if got := fast.Ratio(); got != (Spread{1, 0.5, 2}) || !fast.Met() {
		t.Errorf("more is better: %v", got)
	}
	slow := Result{Figure: Figure{Lower: true, Target: Target{Most: 99}}, Runs: runs[:2]}
	if got := slow.Ratio(); got != (Spread{1.25, 0.5, 2}) || slow.Met() {
		t.Errorf("less is better: %v", got)
	}
}

var someResults = []Result{
	{
		Figure: Figure{Name: "stream/tcp", Unit: "MiB/s", Target: Target{Ratio: 0.95}},
		Runs:   []Run{{800, 1000}, {900, 1000}, {1234, 1000}},
	},
	{Figure: Figure{Name: "cold/tcp", Unit: "ms", Lower: true, Target: Target{Most: 15}}, Runs: []Run{{12.5, 5}}},
	{Figure: Figure{Name: "process", Unit: "ms"}, Note: "no such package"},
}

func TestTable(t *testing.T) {
	const want = `
FIGURE      UNIT   JUXTA                BASELINE                RATIO               TARGET               RUNS
stream/tcp  MiB/s  900    (800–1,234)   1,000     (1,000–1,000)  0.90   (0.80–1.23)  ratio ≥ 0.95 missed  3
cold/tcp    ms     12.5   (12.5–12.5)   5.00      (5.00–5.00)    0.40   (0.40–0.40)  ≤ 15                 1
process     ms     not measured: no such package
`
	var b strings.Builder
	if err := writeTable(&b, someResults); err != nil {
		t.Fatal(err)
	}
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if squeeze(b.String()) != squeeze(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	if err := writeJSON(&b, someResults); err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"stream/tcp","value":900,"unit":"MiB/s","baseline":1000,"ratio":0.9,"target":"ratio ≥ 0.95","runs":[[800,1000],[900,1000],[1234,1000]]}
{"name":"cold/tcp","value":12.5,"unit":"ms","baseline":5,"ratio":0.4,"target":"≤ 15","runs":[[12.5,5]]}
{"name":"process","value":null,"unit":"ms","baseline":null,"ratio":null,"target":"","runs":[],"note":"no such package"}
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

// Samples come in pairs, and their order alternates.
func TestPairs(t *testing.T) {
	var order []Side
	e := Experiment{
		Figures: []Figure{{Name: "a"}, {Name: "b"}},
		Prepare: func(context.Context, *Stage) (Sampler, error) {
			return func(_ context.Context, side Side) ([]float64, error) {
				order = append(order, side)
				return []float64{float64(side), 10 + float64(side)}, nil
			}, nil
		},
	}
	got, err := measure(t.Context(), &e, &Stage{Pairs: 3})
	if err != nil {
		t.Fatal(err)
	}
	if want := []Side{Juxta, Raw, Raw, Juxta, Juxta, Raw}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	for i, want := range []Run{{0, 1}, {10, 11}} {
		if !slices.Equal(got[i].Runs, []Run{want, want, want}) {
			t.Errorf("figure %d: %v", i, got[i].Runs)
		}
	}
}

// What cannot be measured says why, and what fails is an error.
func TestNotMeasured(t *testing.T) {
	for _, c := range []struct {
		err  error
		note string
	}{
		{fmt.Errorf("%w: no compiler", errSkip), "skipped: no compiler"},
		{errors.New("no network"), ""},
	} {
		e := Experiment{
			Figures: []Figure{{Name: "a"}},
			Prepare: func(context.Context, *Stage) (Sampler, error) { return nil, c.err },
		}
		got, err := measure(t.Context(), &e, &Stage{Pairs: 1})
		if c.note == "" {
			if !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
		} else if err != nil || got[0].Note != c.note {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// Two figures for real, with two processes each: their servers have ended when
// the stage is closed.
func TestRealFigures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, e := range []Experiment{roundTrips, messageRate} {
		st := &Stage{Transport: overTCP, Pairs: 1, Quick: true}
		results, err := measure(ctx, &e, st)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if run := r.Runs[0]; run.Value <= 0 || run.Baseline <= 0 {
				t.Errorf("%s: %v", r.Name, run)
			}
		}
		if len(st.closers) != 0 {
			t.Errorf("%d children left", len(st.closers))
		}
	}
}
