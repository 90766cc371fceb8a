package transfer

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanName(t *testing.T) {
	long := strings.Repeat("ä", 200)
	for _, tt := range []struct{ name, want string }{
		{"board.png", "board.png"},
		{"with space (2).txt", "with space (2).txt"},
		{"", "file"},
		{".", "file"},
		{"..", "file"},
		{"../../etc/passwd", "passwd"},
		{"/etc/passwd", "passwd"},
		{`C:\windows\system.ini`, "system.ini"},
		{"a/", "file"},
		{".bashrc", "bashrc"},
		{". . hidden. ", "hidden"},
		{"a\x00b\nc\x1b[31m\u202egpj.exe", "ab c[31mgpj.exe"},
		{"\xff\xfe", "_"},
		{long + ".txt", strings.Repeat("ä", 125) + ".txt"},
		{"a." + long, "a." + strings.Repeat("ä", 126)},
	} {
		if got := CleanName(tt.name); got != tt.want {
			t.Errorf("%q: %q, not %q", tt.name, got, tt.want)
		}
	}
}

func TestNumbered(t *testing.T) {
	for _, tt := range []struct {
		name string
		n    int
		want string
	}{
		{"a.txt", 0, "a.txt"},
		{"a.txt", 1, "a (1).txt"},
		{"a.tar.gz", 12, "a.tar (12).gz"},
		{"a", 1, "a (1)"},
		{strings.Repeat("x", 255), 3, strings.Repeat("x", 251) + " (3)"},
	} {
		if got := numbered(tt.name, tt.n, 0); got != tt.want {
			t.Errorf("%q, %d: %q, not %q", tt.name, tt.n, got, tt.want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("a/b\\c.txt")
	f.Add("\u202e...\x7f")
	f.Fuzz(func(t *testing.T, name string) {
		got := CleanName(name)
		bad := func(r rune) bool {
			return r == '/' || r == '\\' || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
		}
		if got == "" || len(got) > 255 || !utf8.ValidString(got) || strings.ContainsFunc(got, bad) || strings.Trim(got, ". ") != got {
			t.Errorf("%q: %q", name, got)
		}
		if again := CleanName(got); again != got {
			t.Errorf("%q: %q, then %q", name, got, again)
		}
		for _, n := range []int{0, 1, maxParts} {
			if p := partName(got, n); len(p) > 255 || !utf8.ValidString(p) || !strings.HasPrefix(p, ".") {
				t.Errorf("%q: %q", name, p)
			}
		}
	})
}
