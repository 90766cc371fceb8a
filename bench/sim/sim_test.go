package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestExperiments plays each of them in a hurry, and in a small world, where all that
// has a target in virtual time and no baseline has to reach it.
func TestExperiments(t *testing.T) {
	m := startMeter()
	defer m.stop()
	r := &report{out: new(bytes.Buffer)}
	for _, e := range experiments {
		o, err := parse([]string{e.name, "-quick", "-n", "16", "-quiet", "10s", "-churn", "20s"})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(e.name, func(t *testing.T) { r.play(t, o, &e, e.name, 16, m) })
	}
	for _, f := range r.figures {
		if f.Target.Ratio == 0 && !f.Met() || strings.HasSuffix(f.Name, "wrong") && f.Value > 0 {
			t.Errorf("%s: %v, want %v", f.Name, f.Value, f.Target)
		}
	}
	if len(r.figures) < 30 {
		t.Errorf("%d figures", len(r.figures))
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"search", "-n", "100,1000"})
	if err != nil || len(o.experiments) != 1 || !slices.Equal(o.sizesOf(&o.experiments[0]), []int{100, 1000}) {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err = parse([]string{"-quick"}); err != nil || len(o.experiments) != len(experiments) || o.rounds != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, bad := range []string{"walk", "search extra", "-n 3", "-n ten", "-rounds 0"} {
		if _, err := parse(strings.Fields(bad)); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func TestReport(t *testing.T) {
	var b bytes.Buffer
	r := &report{out: &b}
	f := r.add(Figure{Name: "a", Value: 50, Unit: "ms"})
	f.beside(200, 5)
	r.add(Figure{Name: "b", Value: 61, Unit: "s"}).atMost(60)
	r.add(Figure{Name: "c", Value: math.NaN(), Unit: "s"}).atMost(60)
	r.add(Figure{Name: "d", Value: 1}).atLeast(0.99)
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	want := []string{"a ms 50 200 4 ratio ≥ 5 missed", "b s 61 ≤ 60 missed", "c s ≤ 60 missed", "d 1 ≥ 0.99"}
	for i, line := range strings.Split(strings.TrimSpace(b.String()), "\n")[1:] {
		if got := strings.Join(strings.Fields(line), " "); got != want[i] {
			t.Errorf("%q, want %q", got, want[i])
		}
	}
	b.Reset()
	r.json = true
	if err := r.write(); err != nil {
		t.Fatal(err)
	}
	const first = `{"name":"a","value":50,"unit":"ms","baseline":200,"ratio":4,"target":"ratio ≥ 5","met":false}`
	if got, _, _ := strings.Cut(b.String(), "\n"); got != first {
		t.Errorf("%s, want %s", got, first)
	}
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestPlaces(t *testing.T) {
	var zero, one, high [sha256.Size]byte
	one[1], high[0] = 1, 0x80
	if common(zero, one) != 15 || common(zero, high) != 0 || common(one, one) != 255 {
		t.Errorf("common: %d, %d, %d", common(zero, one), common(zero, high), common(one, one))
	}
	if closer(zero, one, high) >= 0 || closer(high, one, zero) <= 0 || closer(one, high, high) != 0 {
		t.Error("closer is not")
	}
}
