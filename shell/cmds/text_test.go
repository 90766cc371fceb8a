package cmds_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

const poem = "The quick brown fox\njumps over\nthe lazy dog\nfoxes and dogs\n"

// start makes a session in a folder with a file and an object, both the poem.
func start(t *testing.T) (*shell.Session, *bytes.Buffer, *bytes.Buffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "poem"), []byte(poem), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cfg := &shell.Config{Stdout: &out, Stderr: &errs, Dir: dir, Env: os.Environ()}
	s, err := shell.NewSession(cfg, append(cmds.Session(), cmds.Text()...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Put("adv", "obj", poem); err != nil {
		t.Fatal(err)
	}
	return s, &out, &errs
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		src, out string
		status   int
	}{
		{`cat poem`, poem, 0},
		{`cat obj poem | cat - | wc`, "8 24 118\n", 0},
		{`o=obj; cat o $o | wc -l`, "8\n", 0},
		{`cat nowhere obj`, poem, 1},
		{`more obj`, poem, 0},
		{`wc poem`, "4 12 59 poem\n", 0},
		{`wc -l obj poem`, "4 obj\n4 poem\n8 total\n", 0},
		{`wc -cw <poem`, "12 59\n", 0},
		{`printf 'a b' | wc`, "0 2 3\n", 0},
		{`wc </dev/null`, "0 0 0\n", 0},
		{`grep fox obj`, "The quick brown fox\nfoxes and dogs\n", 0},
		{`grep fox <poem`, "The quick brown fox\nfoxes and dogs\n", 0},
		{`grep -w fox obj`, "The quick brown fox\n", 0},
		{`grep -n -i THE obj`, "1:The quick brown fox\n3:the lazy dog\n", 0},
		{`grep -v o obj; echo $?`, "1\n", 0},
		{`grep -vc dog obj`, "2\n", 0},
		{`grep -c dog obj poem`, "obj:2\npoem:2\n", 0},
		{`grep lazy obj poem`, "obj:the lazy dog\npoem:the lazy dog\n", 0},
		{`grep -o 'fox(es)?' obj`, "fox\nfoxes\n", 0},
		{`grep -o x* obj; echo $?`, "x\nx\n0\n", 0},
		{`grep -F 'x?' obj`, "", 1},
		{`grep -q fox obj nowhere`, "", 0},
		{`grep -q cat obj`, "", 1},
		{`grep fox obj nowhere 2>/dev/null`, "obj:The quick brown fox\nobj:foxes and dogs\n", 2},
		{`grep -e lazy -e jumps obj`, "jumps over\nthe lazy dog\n", 0},
		{`grep -- -x obj`, "", 1},
		{`grep '(' obj`, "", 2},
		{`grep`, "", 2},
		{`printf 'no newline' | grep new`, "no newline\n", 0},
		{`version --json | grep -c '"go":"go1'`, "1\n", 0},
		{`version | grep -c '^juxta '`, "1\n", 0},
		{`help | grep -A 2>/dev/null; echo $?`, "2\n", 0},
		{`help | grep -w cat`, "  cat      print objects and files\n", 0},
		{`clear`, "", 0},
		{`x='a b' env | grep ^x`, "x\texported\ta b\n", 0},
		{`x=1; env --json | grep '"x"'`, `{"name":"x","kind":"variable","value":"1"}` + "\n", 0},
		{`env A=b sh -c 'echo $A'`, "b\n", 0},
		{`env -q -o`, "obj\n", 0},
		{`shell -e 'echo $1 $0; exit 3' a`, "a shell\n", 3},
		{`echo 'cat obj | wc -l; cat' | shell`, "4\n", 0},
		{`echo 'cd /; pwd; x=1' >s; shell -f s; echo [$x]`, "/\n[]\n", 0},
		{`Shell -f nowhere`, "", 1},
		{`sleep 1ms; sleep 0; echo $?; sleep x`, "0\n", 2},
		{`(exit 4) & fg; echo $?; fg %7`, "4\n", 1},
		{`kill`, "", 2},
		{`kill %5`, "", 1},
	} {
		t.Run(tt.src, func(t *testing.T) {
			s, out, errs := start(t)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			status := shell.StatusOf(s.Run(ctx, tt.src))
			if out.String() != tt.out || status != tt.status {
				t.Errorf("got %q, status %d\nwant %q, status %d\nstderr %q", out, status, tt.out, tt.status, errs)
			}
		})
	}
}

func TestBadPattern(t *testing.T) {
	s, _, errs := start(t)
	s.Run(t.Context(), `grep '(' obj`)
	if !strings.HasPrefix(errs.String(), "grep: bad pattern: ") {
		t.Errorf("got %q", errs)
	}
}
