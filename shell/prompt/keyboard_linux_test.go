package prompt

import (
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestKeyboard(t *testing.T) {
	for _, tt := range []struct {
		name   string
		writes string // divided by |, with a pause between
		want   string // keys, divided by commas
	}{
		{"text and Enter", "ab\rc", "ab,\r,c"},
		{"control", "a\x01\x7f", "a,\x01,\x7f"},
		{"Ctrl-Space", "\x00a\x00\x00b\x00\r", "a,b,\r"},
		{"escape and Ctrl-Space", "\x1b\x00x", "\x1b,x"},
		{"arrow", "\x1b[A\x1bOBx", "\x1b[A,\x1bOB,x"},
		{"split arrow", "\x1b|[|A", "\x1b[A"},
		{"Linux console F1", "\x1b[[Ax", "x"},
		{"unknown sequence", "\x1b[200~paste\x1b[201~", "paste"},
		{"escape and Enter", "\x1b\r", "\x1b,\r"},
		{"two escapes", "\x1b\x1b[A", "\x1b,\x1b[A"},
		{"Alt", "\x1bb\x1bz", "\x1bb"},
		{"split rune", "h\xc3|\xa9", "h\u00e9"},
		{"cut rune", "h\xe6\x97\r", "h\ufffd,\r"},
		{"no UTF-8", "\xff\xc0a", "\ufffda"},
		{"C1 control", "a\u009b31mb", "a31mb"},
		{"pasted tab", "\tdo\r", "\tdo,\r"},
		{"tab", "a|\t", "a,\t"},
		{"runaway sequence", "\x1b[" + strings.Repeat("1", 20) + "~", "111111~"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := keys(t, strings.Split(tt.writes, "|")); got != tt.want {
				t.Errorf("keys %q, want %q", got, tt.want)
			}
		})
	}
}

// keys returns what a keyboard makes of writes.
func keys(t *testing.T, writes []string) string {
	r, w, err := os.Pipe()
	check(t, err)
	defer r.Close()
	k := keyboard{fd: int(r.Fd())}
	next := make(chan struct{}) // closed by the last write
	go func() {
		defer close(next)
		defer w.Close()
		for i, s := range writes {
			if i > 0 {
				time.Sleep(splitGap / 4) // the pause is what is tested
			}
			io.WriteString(w, s)
		}
	}()
	var got []string
	for {
		key, err := k.next(time.Second)
		if len(key) > 0 {
			got = append(got, string(key))
		}
		if err != nil {
			<-next
			return strings.Join(got, ",")
		}
	}
}

func TestLongPaste(t *testing.T) {
	text := strings.Repeat("\u65e5\u672c", maxText)
	if got := strings.ReplaceAll(keys(t, []string{text}), ",", ""); got != text {
		t.Errorf("%d bytes of %d", len(got), len(text))
	}
}
