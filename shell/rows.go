package shell

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Rows prints a list in the form its reader wants: aligned columns under a
// heading on a terminal, tab-separated in a pipe, one JSON object a line, or
// the first column alone.
type Rows struct {
	w     io.Writer
	out   Output
	align bool // on a terminal
	heads []string
	wait  [][]string // rows whose columns are not yet known
	flow  bool
	width []int
}

// Rows begins a list with these columns, or without a heading if there are none.
// Close must be called.
func (c *Call) Rows(out *Output, heads ...string) *Rows {
	r := &Rows{w: c.Stdout, out: *out, heads: heads}
	r.align = c.Terminal() && !out.JSON && !out.Quiet
	return r
}

// Stream makes rows appear as they are added also on a terminal, where columns
// are otherwise measured first. For results that come in over the network.
func (r *Rows) Stream() *Rows {
	r.flow = true
	return r
}

// Add prints a row: v as JSON, or the cells as text. Control characters in
// cells, which may come from other peers, are made harmless.
func (r *Rows) Add(v any, cells ...string) error {
	for i := range cells {
		cells[i] = strings.Map(printable, cells[i])
	}
	switch {
	case r.out.JSON:
		enc := json.NewEncoder(r.w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	case r.out.Quiet:
		_, err := fmt.Fprintln(r.w, cells[0])
		return err
	case !r.align:
		_, err := fmt.Fprintln(r.w, strings.Join(cells, "\t"))
		return err
	}
	r.wait = append(r.wait, cells)
	if r.flow {
		return r.flush()
	}
	return nil
}

// Close prints what is still held back.
func (r *Rows) Close() error { return r.flush() }

func (r *Rows) flush() error {
	if len(r.wait) == 0 {
		return nil
	}
	if r.heads != nil {
		r.wait = append([][]string{r.heads}, r.wait...)
		r.heads = nil
	}
	for _, cells := range r.wait {
		for i, cell := range cells {
			if i == len(r.width) {
				r.width = append(r.width, 0)
			}
			r.width[i] = max(r.width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, cells := range r.wait {
		var line strings.Builder
		for i, cell := range cells {
			pad := r.width[i] - utf8.RuneCountInString(cell)
			line.WriteString(cell + strings.Repeat(" ", pad+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	r.wait = nil
	_, err := io.WriteString(r.w, b.String())
	return err
}

func printable(r rune) rune {
	switch {
	case r == '\t' || r == '\n':
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		return unicode.ReplacementChar
	}
	return r
}
