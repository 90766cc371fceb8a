package cmds

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/service/transfer"
)

func TestBar(t *testing.T) {
	now := time.Unix(1000, 0)
	file := &transfer.File{Name: "board.png", Size: 4_000_000}
	for _, tt := range []struct {
		name  string
		width int
		p     transfer.Progress
		first int64
		want  string
	}{
		{"beginning", 80, transfer.Progress{File: file, Checking: true}, 0, "reading board.png  [" + strings.Repeat(".", 40) + "]    0%"},
		{
			"half", 80,
			transfer.Progress{File: file, Done: 2_000_000},
			0,
			"sending board.png  [" + strings.Repeat("#", 17) + strings.Repeat(".", 17) + "]   50%  1.0 MB/s  2s left",
		},
		{
			"resumed", 60,
			transfer.Progress{File: file, Done: 3_000_000},
			1_000_000,
			"sending board.png  [##########....]   75%  1.0 MB/s  1s left",
		},
		{"no room", 30, transfer.Progress{File: file, Done: 4_000_000}, 0, "sending board.png  100%  2.0 MB/s  0s left"},
		{
			"a long name, and empty", 60,
			transfer.Progress{File: &transfer.File{Name: strings.Repeat("x\x1b", 50)}},
			0,
			"sending " + strings.Repeat("x", 19) + "…  [" + strings.Repeat("#", 22) + "]  100%",
		},
	} {
		b := &bar{width: tt.width, state: tt.p, began: now.Add(-2 * time.Second), first: tt.first}
		if got := b.line(now); got != tt.want {
			t.Errorf("%s:\n%s\nnot\n%s", tt.name, got, tt.want)
		} else if n := len([]rune(got)); n > tt.width && tt.width > 40 {
			t.Errorf("%s: %d columns", tt.name, n)
		}
	}
	var out bytes.Buffer
	b := &bar{w: &out, width: 80}
	for i := range 1000 {
		b.show(transfer.Progress{File: file, Done: int64(i)})
	}
	if n := strings.Count(out.String(), "\r"); n < 1 || n > 100 {
		t.Errorf("it was drawn %d times", n)
	}
	b.clear()
	if !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("%q", out.String())
	}
	(*bar)(nil).show(transfer.Progress{})
	(*bar)(nil).clear()
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_960: "1.0 MB", 50_000_000: "50.0 MB", 1 << 62: "4.6 EB",
	} {
		if got := sizeText(n); got != want {
			t.Errorf("%d: %s, not %s", n, got, want)
		}
	}
}
