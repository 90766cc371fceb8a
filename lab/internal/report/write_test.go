package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "report")
	r := lived()
	for range 2 { // the second one takes the first one's place
		files, err := r.Write(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range files {
			names = append(names, filepath.Base(f))
			if info, err := os.Stat(f); err != nil || info.Size() == 0 || info.Mode().Perm() != 0o644 {
				t.Errorf("%s: %v, %v", f, info, err)
			}
		}
		want := []string{
			"run.jsonl", "table.txt", "story.txt", "plot-1-time-to-a-reservation.svg", "plot-2-time-to-connect-by-what-is-in-the-way.svg",
			"plot-3-reservation-by-path.svg", "plot-4-round-trips-as-the-run-goes-on.svg", "plot-5-punched-by-a-b.svg", "index.html",
		}
		if !slices.Equal(names, want) {
			t.Errorf("got %q, want %q", names, want)
		}
		if left, _ := os.ReadDir(dir); len(left) != len(want) {
			t.Errorf("%d files, want %d", len(left), len(want))
		}
	}
}

func TestWriteSaysWhatFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "story.txt"), 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := lived().Write(dir)
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "story.txt")) || len(files) != 2 {
		t.Errorf("%q, %v", files, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "index.html")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a page: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 3 {
		t.Errorf("something is left behind: %v", left)
	}
}

// A file that fails in the middle leaves the one that was there.
func TestWriteFileIsWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "index.html")
	if err := os.WriteFile(name, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space left on device")
	err := writeFile(name, func(w io.Writer) error {
		_, _ = w.Write([]byte("half"))
		return full
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), name) {
		t.Error(err)
	}
	if text, _ := os.ReadFile(name); string(text) != "old" {
		t.Errorf("%q", text)
	}
}

// brim takes so many bytes, and then no more.
type brim struct{ left int }

func (b *brim) Write(p []byte) (int, error) {
	if len(p) > b.left {
		return 0, io.ErrShortWrite
	}
	b.left -= len(p)
	return len(p), nil
}

func TestWritersFail(t *testing.T) {
	r := lived()
	for name, write := range map[string]func(io.Writer) error{
		"json": r.WriteJSON, "table": r.WriteTable, "story": r.WriteStory, "html": r.WriteHTML,
		"plot": func(w io.Writer) error { return r.WritePlot(w, r.Plots[0]) },
	} {
		if err := write(&brim{100}); err == nil {
			t.Errorf("%s: a full disk is no error", name)
		}
	}
}

func TestNothing(t *testing.T) {
	files, err := new(Run).Write(t.TempDir())
	if err != nil || len(files) != 4 {
		t.Fatal(files, err)
	}
	for name, want := range map[string]string{"table.txt": "Nothing was measured.", "index.html": "Nothing happened.", "story.txt": "passed after 0s"} {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(files[0]), name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

func TestPageIsBounded(t *testing.T) {
	r := &Run{Steps: []Step{{Node: "a", Text: "yes", Output: strings.Repeat("y\n", 10<<20)}}}
	for i := range 20_000 {
		r.Steps = append(r.Steps, Step{Node: "a", Text: fmt.Sprint("step ", i), Output: strings.Repeat("<", 5000)})
		r.Measurements = append(r.Measurements, Measurement{Name: fmt.Sprint("x", i%300), Tags: map[string]string{"i": fmt.Sprint(i)}})
	}
	var b bytes.Buffer
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if len(page) > 32<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	for _, want := range []string{"more bytes are left out]", "more steps left out here: see story.txt.", "more rows left out here: see table.txt."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
}

func TestPageEscapes(t *testing.T) {
	var b bytes.Buffer
	if err := hostile().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "\x1b", "\x00", "\u202e", "\xff", "http://evil", "]]>\x1b"} {
		if strings.Contains(strings.ReplaceAll(b.String(), "\ufffd", ""), bad) {
			t.Errorf("the page has %q in it", bad)
		}
	}
	var texts bytes.Buffer
	if err := errors.Join(hostile().WriteStory(&texts), hostile().WriteTable(&texts)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(texts.String(), "\x1b\x00\u202e") {
		t.Errorf("%q", texts.String())
	}
}
