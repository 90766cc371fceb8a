package load

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"testing"
)

// fake is an experiment whose sides note their turns. What a sample gives tells the
// side, the measure, and how many samples there have been.
func fake(turns *[]string) *Experiment {
	e := &Experiment{Name: "walk", Measures: []Measure{{Unit: "m/s"}, {Name: "-rest", Unit: "s", Lower: true}}}
	for i, name := range []string{"juxta", "hare", "tortoise"} {
		samples := 0
		e.Sides = append(e.Sides, Side{Name: name, Prepare: func(context.Context, *Stage) (Sampler, error) {
			*turns = append(*turns, "prepare "+name)
			return func(context.Context) ([]float64, error) {
				*turns = append(*turns, name)
				samples++
				return []float64{float64(100*i + samples), float64(100*i + 10 + samples)}, nil
			}, nil
		}})
	}
	e.Sides[1].Targets = []Target{{Ratio: 2}, {Most: 3}}
	e.Sides[2].Targets = []Target{{Ratio: 4}}
	return e
}

// Each baseline has its figures, sides take turns in alternating order, and the
// pairs of a round belong together.
func TestRounds(t *testing.T) {
	var turns []string
	e := fake(&turns)
	got, err := e.measure(t.Context(), e.figures("tcp", nil), &Stage{Rounds: 3})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"prepare juxta", "prepare hare", "prepare tortoise",
		"juxta", "hare", "tortoise", "tortoise", "hare", "juxta", "juxta", "hare", "tortoise",
	}
	if !slices.Equal(turns, want) {
		t.Errorf("turns %v", turns)
	}
	for i, want := range []struct {
		name   string
		lower  bool
		target Target
		pairs  []Pair
	}{
		{"walk/tcp/hare", false, Target{Ratio: 2}, []Pair{{1, 101}, {2, 102}, {3, 103}}},
		{"walk-rest/tcp/hare", true, Target{Most: 3}, []Pair{{11, 111}, {12, 112}, {13, 113}}},
		{"walk/tcp/tortoise", false, Target{Ratio: 4}, []Pair{{1, 201}, {2, 202}, {3, 203}}},
		{"walk-rest/tcp/tortoise", true, Target{}, []Pair{{11, 211}, {12, 212}, {13, 213}}},
	} {
		if g := got[i]; g.Name != want.name || g.Lower != want.lower || g.Target != want.target || !slices.Equal(g.Pairs, want.pairs) {
			t.Errorf("%+v, want %+v", g, want)
		}
	}
}

// Who is not asked for does not take part.
func TestOnly(t *testing.T) {
	var turns []string
	e := fake(&turns)
	got, err := e.measure(t.Context(), e.figures("", regexp.MustCompile("rest/tort")), &Stage{Rounds: 1})
	if err != nil || len(got) != 1 || got[0].Name != "walk-rest/tortoise" || !slices.Equal(got[0].Pairs, []Pair{{11, 211}}) {
		t.Errorf("%+v, %v", got, err)
	}
	if want := []string{"prepare juxta", "prepare tortoise", "juxta", "tortoise"}; !slices.Equal(turns, want) {
		t.Errorf("turns %v", turns)
	}
}

// What cannot be measured says why; what fails is an error, which tells whose.
func TestNotMeasured(t *testing.T) {
	skip, broken := fmt.Errorf("%w: no compiler", ErrSkip), errors.New("no network")
	for _, c := range []struct {
		side    int
		err     error
		notes   []string // of the first figures of both baselines
		rounds  []int
		failure string
	}{
		{0, skip, []string{skip.Error(), skip.Error()}, []int{0, 0}, ""},
		{2, skip, []string{"", skip.Error()}, []int{1, 0}, ""},
		{0, broken, nil, nil, "walk: juxta: no network"},
		{2, broken, nil, nil, "walk: tortoise: no network"},
	} {
		e := fake(new([]string))
		e.Sides[c.side].Prepare = func(context.Context, *Stage) (Sampler, error) { return nil, c.err }
		ended := false
		st := &Stage{Rounds: 1}
		st.Defer(func() { ended = true })
		got, err := e.measure(t.Context(), e.figures("", nil), st)
		if c.failure != "" {
			if !errors.Is(err, broken) || err.Error() != c.failure {
				t.Errorf("error %v, want %s", err, c.failure)
			}
		} else if err != nil {
			t.Error(err)
		} else {
			for i := range c.notes {
				if r := got[2*i]; r.Note != c.notes[i] || len(r.Pairs) != c.rounds[i] {
					t.Errorf("side %d: %+v", c.side, r)
				}
			}
		}
		if !ended {
			t.Error("the stage still stands")
		}
	}
}
