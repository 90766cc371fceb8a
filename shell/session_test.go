package shell_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

func TestExit(t *testing.T) {
	f := newFixture(t, shell.Config{})
	for src, want := range map[string]int{`exit 3`: 3, `exit`: 0, `set -e; false`: 1, `false`: -1} {
		err := f.Run(t.Context(), src)
		if got := errors.Is(err, shell.ErrExit); got != (want >= 0) || got && shell.StatusOf(err) != want {
			t.Errorf("%s: %v", src, err)
		}
		f.run("set +e")
	}
}

func TestEndRunsTrapOnce(t *testing.T) {
	f := newFixture(t, shell.Config{})
	f.want(`trap 'echo bye $?' EXIT; (exit 3)`, "", 3)
	f.End(t.Context())
	f.End(t.Context())
	if got := f.out.String(); got != "bye 3\n" {
		t.Errorf("trap printed %q", got)
	}
}

func TestRunScript(t *testing.T) {
	f := newFixture(t, shell.Config{Stdin: strings.NewReader("input\n")})
	src := "trap 'echo end $?' EXIT\necho $0 $1 $#\nread l\necho $l\nexit 3\necho no\n"
	err := f.RunScript(t.Context(), "name", strings.NewReader(src), []string{"a", "b"})
	if got, want := f.out.String(), "name a 2\ninput\nend 3\n"; got != want || shell.StatusOf(err) != 3 {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestRunScriptFailsLate(t *testing.T) {
	f := newFixture(t, shell.Config{})
	err := f.RunScript(t.Context(), "s", strings.NewReader("echo a\nif\n"), nil)
	if f.out.String() != "a\n" || shell.StatusOf(err) != 2 || !strings.HasPrefix(f.err.String(), "s: 2:1: ") {
		t.Errorf("got %q, %q, %v", f.out, f.err, err)
	}
}

// A script from standard input begins before it has ended, and the commands in
// it read nothing of it.
func TestScriptFromStdin(t *testing.T) {
	pr, pw := io.Pipe()
	began := make(chan struct{})
	begin := shell.Command{Name: "begin", New: func(*pflag.FlagSet) shell.RunFunc {
		return func(context.Context, *shell.Call) error { close(began); return nil }
	}}
	f := newFixture(t, shell.Config{Stdin: pr}, begin)
	done := make(chan error)
	go func() { done <- f.RunScript(t.Context(), "-", pr, nil) }()
	io.WriteString(pw, "begin\n")
	<-began
	io.WriteString(pw, "upper; read x; echo \"[$x]\"\n")
	pw.Close()
	if err := <-done; err != nil || f.out.String() != "[]\n" {
		t.Errorf("got %q, %v", f.out, err)
	}
}

func TestStdin(t *testing.T) {
	f := newFixture(t, shell.Config{Stdin: strings.NewReader("a\nb\nc\n")})
	f.want(`read x; echo $x`, "a\n", 0)
	f.want(`head -n 1 >/dev/null; upper; upper`, "", 0) // head reads ahead, as it does elsewhere
	newFixture(t, shell.Config{}).want(`upper; read x; echo $?; cat; sh -c cat`, "1\n", 0)
	newFixture(t, shell.Config{Stdin: strings.NewReader("in\n")}).want(`upper`, "IN\n", 0)
}

func TestCloseEndsBlockedInput(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	newFixture(t, shell.Config{Stdin: pr}).want(`echo hi`, "hi\n", 0)
}

func TestInterrupt(t *testing.T) {
	pr, pw, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	defer pw.Close()
	for _, src := range []string{
		`echo ready; hang`,
		`echo ready; upper`, // waits for input
		`echo ready; read x`,
		`echo ready; sleep 1h`,
		`echo ready; while true; do :; done`,
		`echo ready; sh -c 'sleep 100'`,
		`echo ready; hang | cat`,
		`echo ready; x = hang`,
		`hang & echo ready; wait`,
		`hang & echo ready; fg`,
		`echo ready; shell -e hang`,
		`echo ready; f() { hang; }; f || echo no`,
	} {
		t.Run(src, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			out := &trigger{on: "ready\n", do: cancel}
			f := newFixture(t, shell.Config{Stdin: pr, Stdout: out})
			err := f.Run(ctx, src)
			if shell.StatusOf(err) != 130 || errors.Is(err, shell.ErrExit) {
				t.Errorf("got %v", err)
			}
			if err := f.Run(t.Context(), "true"); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// A process that ends by itself when it is interrupted was interrupted all the same: the
// next line sees it, too.
func TestInterruptedProcess(t *testing.T) {
	for _, src := range []string{
		`sh -c 'echo ready; exec sleep 100'`,
		`sh -c 'trap "exit 0" INT; echo ready; sleep 100 >/dev/null 2>&1 & wait'`,
	} {
		ctx, cancel := context.WithCancel(t.Context())
		out := &trigger{on: "ready\n", do: cancel}
		f := newFixture(t, shell.Config{Stdout: out})
		if err := f.Run(ctx, src); shell.StatusOf(err) != 130 {
			t.Errorf("%s: %v", src, err)
		}
		if err := f.Run(t.Context(), `echo "status $?"`); err != nil || !strings.Contains(out.String(), "status 130\n") {
			t.Errorf("%s: %q, %v", src, out, err)
		}
	}
}

// trigger calls a function when something was written.
type trigger struct {
	bytes.Buffer
	on string
	do func()
}

func (t *trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), t.on) || strings.Contains(t.on, string(p)) && string(p) != "\n" {
		defer t.do()
	}
	return t.Buffer.Write(p)
}

func TestInterruptRunsExitTrap(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &trigger{on: "ready", do: cancel}
	f := newFixture(t, shell.Config{Stdout: out})
	err := f.RunScript(ctx, "s", strings.NewReader("trap 'echo bye' EXIT INT\necho ready; hang\necho no\n"), nil)
	if !strings.HasSuffix(out.String(), "ready\nbye\n") || shell.StatusOf(err) != 130 {
		t.Errorf("got %q, %v", out, err)
	}
}

// A job outlives the line it stands in, and an interrupt of a later one.
func TestJobOutlivesLine(t *testing.T) {
	f := newFixture(t, shell.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	if err := f.Run(ctx, `hang &`); err != nil {
		t.Fatal(err)
	}
	cancel()
	f.want(`jobs`, "%1\trunning\thang\n", 0)
	f.want(`jobs --json; kill %1; wait %1; jobs --json`,
		`{"job":"%1","state":"running","command":"hang"}`+"\n"+
			`{"job":"%1","state":"done","status":143,"command":"hang"}`+"\n", 0)
}

func TestCloseStopsJobs(t *testing.T) {
	f := newFixture(t, shell.Config{})
	f.want(`hang & { x = hang; } & while true; do hang; done &`, "", 0)
}

func TestRC(t *testing.T) {
	rc := filepath.Join(t.TempDir(), "juxtarc")
	f := newFixture(t, shell.Config{RC: rc})
	if err := f.LoadRC(t.Context()); err != nil {
		t.Errorf("without a file: %v", err)
	}
	os.WriteFile(rc, []byte("a = echo hello\nhi() { echo $a; }\n"), 0o600)
	if err := f.LoadRC(t.Context()); err != nil {
		t.Error(err)
	}
	f.want(`hi`, "hello\n", 0)
}

func TestIncomplete(t *testing.T) {
	for src, want := range map[string]bool{
		"": false, "a": false, "a; b": false, "a)": false, `a \`: true, `a \\`: false, "a 'b": true,
		"while true; do": true, "f() {": true, "a |": true, "a &&": true, "cat <<E\nx": true,
		"cat <<E\nx\nE": false, "x = a | ": true, "echo $(": true, "if a; then b; fi": false,
	} {
		if got := shell.Incomplete(src); got != want {
			t.Errorf("Incomplete(%q) = %v", src, got)
		}
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	f := newFixture(t, shell.Config{History: path})
	for _, line := range []string{"a", "a", " secret", "", "b\n  c\\n", "d"} {
		if err := f.History().Add(line); err != nil {
			t.Fatal(err)
		}
	}
	g := newFixture(t, shell.Config{History: path})
	want := "    1  a\n    2  b\n  c\\n\n    3  d\n"
	g.want(`history`, want, 0)
	f.want(`history`, want, 0)
	g.want(`history 1; history -c; history`, "    3  d\n", 0)
	if fi, err := os.Stat(path); err != nil || fi.Size() != 0 || fi.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v", fi, err)
	}
}

func TestExecWithoutShell(t *testing.T) {
	f := newFixture(t, shell.Config{})
	var out, errs bytes.Buffer
	call := func(name string, words ...string) int {
		return f.Exec(t.Context(), &shell.Call{Name: name, Words: words, Stdout: &out, Stderr: &errs})
	}
	if s := call("mk"); s != 0 || out.String() != "adv0\n" {
		t.Errorf("mk: %d, %q", s, out.String())
	}
	if s := call("env", "A=b", "true"); s != 1 || !strings.Contains(errs.String(), "no shell") {
		t.Errorf("env: %d, %q", s, errs.String())
	}
	if s := call("nosuch"); s != 127 {
		t.Errorf("nosuch: %d", s)
	}
}

func TestForward(t *testing.T) {
	f := newFixture(t, shell.Config{Forward: func(_ context.Context, c *shell.Call) error {
		return c.Printf("%s %q %s\n", c.Name, c.Words, c.Var("x"))
	}})
	f.want(`x=1; mk -a 'b c'; help | head -n 1`, "mk [\"-a\" \"b c\"] 1\nsession\n", 0)
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := shell.NewSession(new(shell.Config), testCommands(new([]string))...)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, d := range []string{"2", "500ms", "0.5", "1h"} {
			if err := s.Run(t.Context(), "sleep "+d); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestDuplicateName(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	cmds := testCommands(nil)
	shell.NewSession(new(shell.Config), append(cmds, cmds[0])...)
}

func TestOneLine(t *testing.T) {
	for src, want := range map[string]string{
		"echo  a":   "echo  a",
		"echo  a\n": "echo  a",
		"while true; do\nm = recv in; get $m move; done\n": "while true; do m = recv in; get $m move; done",
		"echo 'a\nb'\n":   "",
		"cat <<E\nx\nE\n": "",
		"if true\nthen":   "",
	} {
		if got := shell.OneLine(src); got != want {
			t.Errorf("%q: %q, want %q", src, got, want)
		}
	}
}

// What is a secret to us is not remembered, mistyped or not.
func TestHistoryKeepsNoSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	f := newFixture(t, shell.Config{History: path})
	kept := []string{"join chess", "echo $JUXTA_PASSWORD", "read JUXTA_PASSWORD", "echo JX-1", "t=$(invite)", "join -i $t"}
	for _, line := range append([]string{
		"JUXTA_PASSWORD='correct horse' join chess", "export JUXTA_NEW_PASSWORD=x", "JUXTA_PASSPHRASE = echo x",
		"join -i JX-040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M", "join -i JX-040D6-B0108-1G818-60W4",
		"join -i 'jx-040d6-b0108-1g818-60w40-j2gb1-g6gw3-rgx73-jag8m'", "t=JX040D6B01081G81860W40J2GB1G6GW3RGX73JAG8M",
		"revoke 040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M; who", "JX-040D6 B0108 1G818 60W40",
	}, kept...) {
		if err := f.History().Add(line); err != nil {
			t.Error(err)
		}
	}
	if got := f.History().Lines(); !slices.Equal(got, kept) {
		t.Errorf("%q", got)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != strings.Join(kept, "\n")+"\n" {
		t.Errorf("%q, %v", text, err)
	}
}
