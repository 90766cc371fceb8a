package shell_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"github.com/juxta-p2p/juxta/shell"
)

// openTerminal opens a pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return master, slave
}

func echoes(t *testing.T, tty *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// asker is a command that asks for a secret and prints it.
var asker = shell.Command{
	Name: "ask", Topic: "test", Short: "a test",
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			secret, err := c.Ask(ctx, "Password")
			if errors.Is(err, shell.ErrNoTerminal) {
				secret, err = c.Line()
			}
			if err != nil {
				return err
			}
			return c.Printf("<%s>\n", secret)
		}
	},
}

// until reads from a terminal until it has shown a text.
func until(t *testing.T, master *os.File, text string) string {
	t.Helper()
	_ = master.SetReadDeadline(time.Now().Add(20 * time.Second))
	var seen []byte
	for b := make([]byte, 256); !strings.Contains(string(seen), text); {
		n, err := master.Read(b)
		if err != nil {
			t.Fatalf("%q: %v", seen, err)
		}
		seen = append(seen, b[:n]...)
	}
	return string(seen)
}

func TestAskAtATerminal(t *testing.T) {
	master, slave := openTerminal(t)
	f := newFixture(t, shell.Config{Stdin: slave}, asker)
	type result struct {
		out    string
		status int
	}
	begin := func(ctx context.Context, src string) chan result {
		done := make(chan result, 1)
		go func() {
			err := f.Run(ctx, src)
			done <- result{f.out.take(), shell.StatusOf(err)}
		}()
		return done
	}
	for _, src := range []string{`echo data | ask`, `echo data >line; ask <line`} { // which wins over the terminal
		if got := <-begin(t.Context(), src); got != (result{"<data>\n", 0}) {
			t.Errorf("%s: %+v", src, got)
		}
	}
	done := begin(t.Context(), `ask; echo next`)
	until(t, master, "Password: ")
	if echoes(t, slave) {
		t.Error("it shows what is typed")
	}
	fmt.Fprint(master, "correct horse\n")
	if got := <-done; got != (result{"<correct horse>\nnext\n", 0}) {
		t.Errorf("%+v", got)
	}
	if seen := until(t, master, "\n"); strings.Contains(seen, "horse") || !echoes(t, slave) {
		t.Errorf("shown: %q", seen)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done = begin(ctx, `ask`)
	until(t, master, "Password: ")
	fmt.Fprint(master, "half")
	cancel()
	if got := <-done; got.status != shell.StatusInterrupted || !echoes(t, slave) {
		t.Errorf("after an interrupt: %+v", got)
	}
	// The keyboard is not a job's.
	done = begin(t.Context(), `ask & wait %1`)
	if got := <-done; got.status != shell.StatusFailed || !echoes(t, slave) {
		t.Errorf("a job: %+v", got)
	}
}

func TestAskWithoutATerminal(t *testing.T) {
	f := newFixture(t, shell.Config{Stdin: strings.NewReader("first\r\nsecond\n")}, asker)
	f.want(`ask; read rest; echo "$rest"`, "<first>\nsecond\n", 0)
	f.want(`printf last | ask; : | ask`, "<last>\n", 1)
	f.want(`head -c 2000 /dev/zero | ask`, "", 1)
}
