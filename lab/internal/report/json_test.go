package report

import (
	"bytes"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestJSONComesBack(t *testing.T) {
	for name, r := range map[string]*Run{"lived": lived(), "empty": {}} {
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(name, err)
		}
		first := b.String()
		got, err := ReadJSON(&b)
		if err != nil {
			t.Fatal(name, err)
		}
		if !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v, want %+v", name, got, r)
		}
		var again strings.Builder
		if err := got.WriteJSON(&again); err != nil || again.String() != first {
			t.Errorf("%s: written anew, it differs (%v)", name, err)
		}
	}
}

func TestJSONOfMuchOutput(t *testing.T) {
	r := &Run{Steps: []Step{{Node: "a", Text: "yes", Output: strings.Repeat("\x01", 3*maxText)}}}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if out := got.Steps[0].Output; len(out) > maxText+100 || !strings.HasSuffix(out, "\n[2097152 more bytes are left out]") {
		t.Errorf("%d bytes, and at the end %q", len(out), out[len(out)-40:])
	}
}

func TestJSONOfNoValue(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		r := &Run{Measurements: []Measurement{{Name: "rtt", Value: v}}}
		if err := r.WriteJSON(new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "rtt: ") {
			t.Errorf("%v: error %v", v, err)
		}
	}
}

func TestReadJSONRejects(t *testing.T) {
	const run = `{"type":"run","world":"w","began":"2026-11-29T21:25:23Z","took_ns":1}` + "\n"
	for src, want := range map[string]string{
		"":                                     "no run",
		"\n\n":                                 "no run",
		"{}":                                   `line 1: type "" comes before the run`,
		"no":                                   "line 1: invalid character",
		`{"type":"step"}`:                      `line 1: type "step" comes before the run`,
		run + run:                              "line 2: a second run",
		run + "\n" + `{"type":`:                "line 3: unexpected end",
		run + `{"type":"x"}`:                   `line 2: type "x" is none of run, step, measurement`,
		run + `{"type":"step","at_ns":"soon"}`: "line 2: json: cannot unmarshal string",
		run + `{"type":"measurement","name":"x","value":1e999}`:               "line 2: json: cannot unmarshal number 1e999",
		run + `{"type":"measurement","value":1}`:                              "line 2: a measurement needs a name",
		run + `{"type":"step","text":"` + strings.Repeat("a", maxLine) + `"}`: "line 2: it is longer than",
	} {
		if _, err := ReadJSON(strings.NewReader(src)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: error %v, want %q", src, err, want)
		}
	}
	if _, err := ReadJSON(strings.NewReader(run + `{"type":"step","text":"x","new":1}` + "\n\n")); err != nil {
		t.Errorf("an unknown field: %v", err)
	}
}

// What can be read can be reported, and read again.
func FuzzReadJSON(f *testing.F) {
	for _, r := range []*Run{{}, hostile()} {
		var b bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"type":"run","plots":[{"name":"x","kind":"line"}]}` + "\n" + `{"type":"measurement","name":"x","value":-1e308,"tags":{"":""}}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		r, err := ReadJSON(bytes.NewReader(src))
		if err != nil {
			return
		}
		var b, html bytes.Buffer
		if err := r.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ReadJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		if len(again.Steps) != len(r.Steps) || len(again.Measurements) != len(r.Measurements) {
			t.Fatalf("%+v\n%+v", r, again)
		}
		if err := r.WriteHTML(&html); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteTable(&html); err != nil {
			t.Fatal(err)
		}
		if err := r.WriteStory(&html); err != nil {
			t.Fatal(err)
		}
	})
}
