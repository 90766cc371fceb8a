package shell_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

func TestRows(t *testing.T) {
	type row struct {
		Name string `json:"name"`
		Size int    `json:"size"`
	}
	list := shell.Command{Name: "list", New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		return func(_ context.Context, c *shell.Call) error {
			rows := c.Rows(out, "NAME", "SIZE").Stream()
			rows.Add(row{"<a>", 1}, "<a>", "1")
			rows.Add(row{"b\x1b[2J\n", 2}, "b\x1b[2J\n", "2")
			return rows.Close()
		}
	}}
	f := newFixture(t, shell.Config{}, list)
	f.want(`list`, "<a>\t1\nb\ufffd[2J \t2\n", 0)
	f.want(`list -q`, "<a>\nb\ufffd[2J \n", 0)
	f.want(`list --json`, "{\"name\":\"<a>\",\"size\":1}\n{\"name\":\"b\\u001b[2J\\n\",\"size\":2}\n", 0)
	f.want(`list -json | wc -l`, "2\n", 0) // JXTA wrote long options with one dash
}

func TestFlags(t *testing.T) {
	flags := shell.Command{Name: "flags", New: func(fs *pflag.FlagSet) shell.RunFunc {
		attr := fs.StringP("attr", "a", "", "an `attribute`")
		value := fs.StringP("value", "v", "", "a value")
		long := fs.BoolP("long", "l", false, "more")
		remote := fs.BoolP("remote", "r", false, "ask")
		wait := shell.Duration(fs, "timeout", "t", 5*time.Second, "how long")
		size := shell.Size(fs, "size", "s", 64<<10, "how much")
		return func(_ context.Context, c *shell.Call) error {
			return c.Printf("%s %s %v %v %v %d %q\n", *attr, *value, *long, *remote, *wait, *size, c.Args)
		}
	}}
	f := newFixture(t, shell.Config{}, flags)
	for src, want := range map[string]string{
		`flags`:                           "  false false 5s 65536 []\n",
		`flags -aName -vche* -t500 -lr x`: "Name che* true true 500ms 65536 [\"x\"]\n",
		`flags x -a Name --value=v y -t 2s -s1MB`: "Name v false false 2s 1000000 [\"x\" \"y\"]\n",
		`flags -remote -- -l`:                     "  false true 5s 65536 [\"-l\"]\n",
		`flags -t 5m -s 1.5KiB`:                   "  false false 5m0s 1536 []\n",
	} {
		f.want(src, want, 0)
	}
	for _, src := range []string{`flags -t x`, `flags -t -1s`, `flags -s lots`, `flags -s 1XB`, `flags -z`, `flags -s 9e30`} {
		f.want(src, "", 2)
	}
}

func TestMan(t *testing.T) {
	f := newFixture(t, shell.Config{})
	for _, cmd := range f.Commands() {
		if cmd.Topic == "test" {
			continue
		}
		if cmd.Short == "" || cmd.Long == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: incomplete page", cmd.Name)
		}
		for line := range strings.Lines(cmd.Man()) {
			if len(line) > 100 {
				t.Errorf("%s: long line %q", cmd.Name, line)
			}
		}
		f.want(`man `+cmd.Name, cmd.Man(), 0)
		f.want(cmd.Name+` -h`, cmd.Man(), 0)
		f.want(cmd.Name+` --help`, cmd.Man(), 0)
	}
	f.want(`man nosuch`, "", 4)
	f.want(`man -k pattern`, "man\tshow a manual page\ngrep\tprint the lines that match a pattern\n", 0)
	f.want(`man while`, "while: loop while a condition holds; part of the language, as in any POSIX shell\n", 0)
	wc, _ := f.Command("wc")
	want := `NAME
    wc - count lines, words and bytes

SYNOPSIS
    wc [-clw] [OBJECT|FILE...]

DESCRIPTION
    Counts the lines, words and bytes of objects' documents, files, or
    standard input, with a total if there are several.

OPTIONS
    -c, --bytes  count bytes
    -l, --lines  count lines
    -w, --words  count words
    -h, --help   show this page

EXAMPLE
    peers -r -q | wc -l
`
	if got := wc.Man(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDocumentHook(t *testing.T) {
	f := newFixture(t, shell.Config{Document: func(v any) ([]byte, error) {
		if n, ok := v.(int); ok {
			return bytes.Repeat([]byte("x"), n), nil
		}
		return nil, nil
	}})
	f.Put("msg", "a", 3)
	f.Put("msg", "b", "text")
	f.Put("msg", "c", struct{}{})
	f.want(`cat a b`, "xxxtext", 0)
	if _, errs, status := f.run(`cat c`); status != 1 || errs != "cat: c is a message, which has no document\n" {
		t.Errorf("got %q, %d", errs, status)
	}
}
