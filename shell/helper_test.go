package shell_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// closer is an object that writes down when it is closed.
type closer struct {
	name string
	log  *[]string
}

func (c *closer) Close() error {
	*c.log = append(*c.log, c.name)
	return nil
}

func (c *closer) Document() ([]byte, error) { return []byte("<doc>" + c.name + "</doc>\n"), nil }

// testCommands are commands to test the language with.
func testCommands(log *[]string) []shell.Command {
	simple := func(name string, run shell.RunFunc) shell.Command {
		return shell.Command{
			Name: name, Topic: "test", Short: "a test", Args: "[X]",
			New: func(*pflag.FlagSet) shell.RunFunc { return run },
		}
	}
	return append(
		append(cmds.Session(), cmds.Text()...),
		simple("mk", func(_ context.Context, c *shell.Call) error {
			kind, name := "adv", ""
			if len(c.Args) > 0 {
				kind = c.Args[0]
			}
			if len(c.Args) > 1 {
				name = c.Args[1]
			}
			v := &closer{log: log}
			obj, err := c.Session.Put(kind, name, v)
			if err != nil {
				return err
			}
			v.name = obj.Name
			return c.Printf("%s\n", obj.Name)
		}),
		simple("show", func(_ context.Context, c *shell.Call) error {
			for _, arg := range c.Args {
				v, err := shell.Get[*closer](c, arg, "adv", "msg")
				if err != nil {
					return err
				}
				c.Printf("%s=%s\n", arg, v.name)
			}
			return nil
		}),
		simple("upper", func(_ context.Context, c *shell.Call) error {
			b, err := io.ReadAll(c.Stdin)
			if err != nil {
				return err
			}
			return c.Printf("%s", bytes.ToUpper(b))
		}),
		simple("forever", func(ctx context.Context, c *shell.Call) error {
			for ctx.Err() == nil {
				c.Printf("y\n") // that nobody reads it, ctx will tell
			}
			return ctx.Err()
		}),
		simple("hang", func(ctx context.Context, c *shell.Call) error {
			c.Warnf("hanging")
			<-ctx.Done()
			return ctx.Err()
		}),
		simple("status", func(_ context.Context, c *shell.Call) error {
			var n int
			fmt.Sscan(c.Args[0], &n)
			return &shell.ExitError{Status: n, Err: errors.New("as you wish")}
		}),
		simple("late", func(context.Context, *shell.Call) error { return context.DeadlineExceeded }),
		simple("twice", func(ctx context.Context, c *shell.Call) error {
			for range 2 {
				var out bytes.Buffer
				if err := c.Eval(ctx, strings.Join(c.Args, " "), strings.NewReader("in\n"), &out); err != nil {
					return err
				}
				c.Printf("<%s>", out.String())
			}
			return nil
		}),
		simple("dash", func(_ context.Context, c *shell.Call) error {
			return c.Printf("%q %q\n", c.Args, c.AfterDash())
		}),
	)
}

// fixture is a session with its output in memory.
type fixture struct {
	*shell.Session
	t        *testing.T
	out, err *buffer
	closed   []string
}

// buffer is one that jobs may write to while a test reads it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// take empties the buffer.
func (b *buffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.b.Reset()
	return b.b.String()
}

func newFixture(t *testing.T, cfg shell.Config, extra ...shell.Command) *fixture {
	t.Helper()
	before := runtime.NumGoroutine()
	f := &fixture{t: t, out: new(buffer), err: new(buffer)}
	cfg.Stderr = f.err
	if cfg.Stdout == nil {
		cfg.Stdout = f.out
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Env == nil {
		cfg.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + cfg.Dir, "TMPDIR=" + cfg.Dir}
	}
	s, err := shell.NewSession(&cfg, append(testCommands(&f.closed), extra...)...)
	if err != nil {
		t.Fatal(err)
	}
	f.Session = s
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		noLeak(t, before)
	})
	return f
}

// noLeak waits for goroutines that are about to end, and fails for the rest.
func noLeak(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, were %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

// run runs text and returns what it printed.
func (f *fixture) run(src string) (out, errs string, status int) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	err := f.Run(ctx, src)
	return f.out.take(), f.err.take(), shell.StatusOf(err)
}

// want runs text and compares what it printed, and its status.
func (f *fixture) want(src, out string, status int) {
	f.t.Helper()
	gotOut, errs, gotStatus := f.run(src)
	if gotOut != out || gotStatus != status {
		f.t.Errorf("%s\n got %q, status %d\nwant %q, status %d\nstderr %q", src, gotOut, gotStatus, out, status, errs)
	}
}
