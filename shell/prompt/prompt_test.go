package prompt

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	for _, tt := range []struct{ before, want string }{
		{"", ""},
		{"peers", "peers"},
		{"talk bob ", ""},
		{"talk --to=bo", "bo"},
		{"cat </etc/ho", "/etc/ho"},
		{"echo $(pee", "pee"},
		{"p = search -n urn:jxta:uuid-59", "urn:jxta:uuid-59"},
		{`say "two wo`, "wo"},
		{"get $pip", "$pip"},
	} {
		if got := Word(tt.before+"behind", len(tt.before)); got != tt.want {
			t.Errorf("Word(%q) = %q, want %q", tt.before, got, tt.want)
		}
	}
}

func TestHistoryIsText(t *testing.T) {
	e := New(&Config{History: []string{"a", "two\nlines", "\x1b[2J", "\ttab", "b"}})
	if want := []string{"a", "\ttab", "b"}; !slices.Equal(e.history, want) {
		t.Errorf("history %q, want %q", e.history, want)
	}
}

func TestRemember(t *testing.T) {
	var got []string
	e := New(&Config{Remember: func(line string) { got = append(got, line) }})
	for range maxHistory {
		for _, line := range []string{"a", "a", " ", "b"} {
			e.remember(line)
		}
	}
	if len(got) != 2*maxHistory || len(e.history) != maxHistory || got[0] != "a" || got[1] != "b" {
		t.Errorf("%d remembered, %d kept", len(got), len(e.history))
	}
}

// plainEditor returns an Editor on files that are no terminal, and what it has written once it has ended.
func plainEditor(t *testing.T, in string, run func(context.Context, string) bool) (*Editor, func() string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/in", []byte(in), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(dir + "/in")
	if err != nil {
		t.Fatal(err)
	}
	w, err := os.Create(dir + "/out")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	incomplete := func(src string) bool { return strings.HasSuffix(src, "\\\n") }
	e := New(&Config{In: r, Out: w, Run: run, Incomplete: incomplete})
	return e, func() string {
		out, err := os.ReadFile(dir + "/out")
		if err != nil {
			t.Error(err)
		}
		return string(out)
	}
}

func TestPlain(t *testing.T) {
	var got []string
	e, out := plainEditor(t, "a\n\nb\\\nc\nlast", func(_ context.Context, src string) bool {
		got = append(got, src)
		return false
	})
	if Supported(e.cfg.In, e.cfg.Out) {
		t.Error("files are no terminal")
	}
	e.Print("early")
	if err := e.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if want := []string{"a\n", "b\\\nc\n", "last\n"}; !slices.Equal(got, want) {
		t.Errorf("ran %q, want %q", got, want)
	}
	if want := "early\n> > > > > > \n"; out() != want {
		t.Errorf("wrote %q, want %q", out(), want)
	}
}

func TestContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	e, _ := plainEditor(t, "a\nb\n", func(ctx context.Context, _ string) bool {
		cancel(why)
		<-ctx.Done()
		return false
	})
	if err := e.Run(ctx); err != why {
		t.Errorf("Run ended by %v, want %v", err, why)
	}
}

func TestNewsIsBounded(t *testing.T) {
	e, out := plainEditor(t, "", nil)
	e.mu.Lock()
	e.reading = true
	e.mu.Unlock()
	for range maxNews + 2 {
		e.Print("x\n")
	}
	e.setReading(false)
	if want := strings.Repeat("x\n", maxNews) + "(2 more, lost)\n"; out() != want {
		t.Errorf("wrote %q", out())
	}
}

func TestPlainInterrupt(t *testing.T) {
	r, w := io.Pipe()
	interrupts := make(chan os.Signal, 1)
	p := newPlain(r, io.Discard, interrupts)
	interrupts <- os.Interrupt
	if _, err := p.read(t.Context(), ""); err != errInterrupt {
		t.Errorf("error %v", err)
	}
	go io.WriteString(w, "line\n")
	if line, err := p.read(t.Context(), ""); line != "line" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.read(ctx, ""); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	w.Close()
}
