package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Write writes run.jsonl, table.txt, story.txt, a plot-N-TITLE.svg for each plot
// that can be drawn, and at last index.html, which has all in it, into dir, which it
// makes if there is none. It returns the files that are whole. Each file is there
// entirely or not at all; an error names the one that is not. Why a plot cannot be
// drawn stands in its place in the page.
func (r *Run) Write(dir string) ([]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{{"run.jsonl", r.WriteJSON}, {"table.txt", r.WriteTable}, {"story.txt", r.WriteStory}}
	for i, p := range r.Plots {
		if svg, err := r.svg(p); err == nil {
			files = append(files, file{plotName(i, p), func(w io.Writer) error { _, err := w.Write(svg); return err }})
		}
	}
	files = append(files, file{"index.html", r.WriteHTML})
	var written []string
	for _, f := range files {
		name := filepath.Join(dir, f.name)
		if err := writeFile(name, f.write); err != nil {
			return written, err
		}
		written = append(written, name)
	}
	return written, nil
}

// writeFile makes a file of what write writes, all of it or nothing.
func writeFile(name string, write func(io.Writer) error) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	if err := write(tmp); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), name)
}

// plotName is the name of the file of the plot with index i.
func plotName(i int, p PlotSpec) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, clip(p.title(), 40))
	return strings.TrimRight(fmt.Sprintf("plot-%d-%s", i+1, strings.Join(strings.FieldsFunc(slug, func(r rune) bool { return r == '-' }), "-")), "-") + ".svg"
}
