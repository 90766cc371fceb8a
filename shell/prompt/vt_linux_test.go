package prompt

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// vt is as much of a VT100 as the editor uses: it turns what was written into what is seen.
type vt struct {
	rows     [][]string // one cell a column; the second cell of a wide rune is empty
	cols     int
	row, col int
	wrap     bool            // the last column was written: the next rune goes to the next row
	styles   map[string]bool // parameters of the text attributes used
	drawn    int             // how often the cursor was hidden, as for every drawing of the line
	rest     []byte          // of a rune or sequence that was cut
}

func newVT(cols, rows int) *vt {
	v := &vt{styles: map[string]bool{}}
	v.resize(cols, rows)
	return v
}

func (v *vt) resize(cols, rows int) {
	v.cols = cols
	for len(v.rows) < rows {
		v.rows = append(v.rows, v.blank())
	}
	top := max(0, v.row+1-rows) // cut below the cursor, then above
	v.rows, v.row = v.rows[top:top+rows], v.row-top
	for i, r := range v.rows {
		v.rows[i] = append(r, v.blank()...)[:cols]
	}
	v.col, v.wrap = min(v.col, cols-1), false
}

func (v *vt) blank() []string { return slices.Repeat([]string{" "}, v.cols) }

// String returns the rows that are not blank.
func (v *vt) String() string {
	var seen []string
	for _, r := range v.rows {
		if line := strings.TrimRight(strings.Join(r, ""), " "); line != "" {
			seen = append(seen, line)
		}
	}
	return strings.Join(seen, "\n")
}

func (v *vt) write(p []byte) {
	p = append(v.rest, p...)
	for len(p) > 0 {
		n := v.one(p)
		if n == 0 {
			break
		}
		p = p[n:]
	}
	v.rest = slices.Clone(p)
}

// one interprets the first rune or sequence of p and returns its length, or 0 if it is cut.
func (v *vt) one(p []byte) int {
	switch {
	case p[0] == '\r':
		v.col, v.wrap = 0, false
	case p[0] == '\n':
		v.down()
	case p[0] == '\b':
		v.col, v.wrap = max(0, v.col-1), false
	case p[0] == 0x1b:
		return v.sequence(p)
	case !utf8.FullRune(p):
		return 0
	case p[0] >= ' ':
		r, n := utf8.DecodeRune(p)
		v.put(r)
		return n
	}
	return 1
}

func (v *vt) put(r rune) {
	if w := runewidth.RuneWidth(r); v.wrap || v.col+w > v.cols {
		v.col = 0
		v.down()
	}
	v.rows[v.row][v.col] = string(r)
	v.col++
	if runewidth.RuneWidth(r) == 2 {
		v.rows[v.row][v.col] = ""
		v.col++
	}
	v.wrap = v.col == v.cols
	v.col = min(v.col, v.cols-1)
}

func (v *vt) down() {
	v.wrap = false
	if v.row++; v.row == len(v.rows) {
		v.row--
		v.rows = append(v.rows[1:], v.blank())
	}
}

func (v *vt) sequence(p []byte) int {
	end := 2
	if len(p) > 1 && p[1] == 'D' {
		v.down()
		return end
	}
	if len(p) > 1 && p[1] == '[' {
		end = 3 + slices.IndexFunc(p[2:], func(b byte) bool { return b >= '@' })
	}
	if len(p) < 2 || end == 2 && p[1] == '[' {
		return 0
	}
	n, known := 0, 0
	for _, b := range p[2:end] {
		if b >= '0' && b <= '9' {
			n, known = n*10+int(b-'0'), 1
		}
	}
	if known == 0 {
		n = 1
	}
	if p[end-1] == 'm' {
		v.styles[string(p[2:end-1])] = true
		return end
	}
	v.command(p[end-1], n)
	return end
}

func (v *vt) command(c byte, n int) {
	v.wrap = false
	switch c {
	case 'A':
		v.row = max(0, v.row-n)
	case 'B':
		v.row = min(len(v.rows)-1, v.row+n)
	case 'C':
		v.col = min(v.cols-1, v.col+n)
	case 'D':
		v.col = max(0, v.col-n)
	case 'H':
		v.row, v.col = 0, 0
	case 'J':
		v.erase(n == 2)
	case 'l':
		v.drawn++
	case 'M':
		if v.row--; v.row < 0 {
			v.row = 0
			v.rows = append([][]string{v.blank()}, v.rows[:len(v.rows)-1]...)
		}
	}
}

func (v *vt) erase(all bool) {
	for i := range v.rows {
		for j := range v.rows[i] {
			if all || i > v.row || i == v.row && j >= v.col {
				v.rows[i][j] = " "
			}
		}
	}
}
