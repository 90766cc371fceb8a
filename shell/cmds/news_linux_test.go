package cmds_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
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

// What nobody waits for goes above the line being typed, where there is one, and not into
// a file instead.
func TestNews(t *testing.T) {
	w, alice, bob := world(t)
	_, slave := openTerminal(t)
	news := make(chan string, 10)
	s, err := shell.NewSession(&shell.Config{
		Stdout: slave, Stderr: slave, Dir: t.TempDir(), News: func(text string) { news <- text },
		Peer: func(context.Context) (*peer.Peer, error) { return alice.peer, nil },
	}, cmds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	atPrompt := &user{t: t, peer: alice.peer, session: s}
	t.Cleanup(atPrompt.end)
	atPrompt.want(`talk -l ann; talk --foreground -l file >heard &`, "", 0)
	bob.want(`talk ann -d hello; talk -t 10s file -d quietly; talk ann -d again`, "", 0)
	for _, want := range []string{"# talk - bob to ann> hello", "# talk - bob to ann> again"} {
		select {
		case got := <-news:
			if got != want {
				t.Errorf("%q, not %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no news: %s", want)
		}
	}
	w.Until(10*time.Second, "the file has it", func() bool {
		out, err := os.ReadFile(s.Var("PWD") + "/heard")
		return err == nil && string(out) == "# talk - bob to file> quietly\n"
	})
}

// A redirected input wins over the terminal; and at that, nothing is no answer.
func TestInvitationAtATerminal(t *testing.T) {
	_, alice, _ := world(t)
	master, slave := openTerminal(t)
	var errs strings.Builder
	s, err := shell.NewSession(&shell.Config{
		Stdin: slave, Stdout: io.Discard, Stderr: &errs, Dir: t.TempDir(),
		Peer: func(context.Context) (*peer.Peer, error) { return alice.peer, nil },
	}, cmds.All()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for _, c := range []struct{ src, typed, want string }{
		{`echo JX-0 >token; join -i - <token`, "", "join: invitation: this is not an invitation"},
		{`echo JX-0 | join -i -`, "", "join: invitation: this is not an invitation"},
		{`join -i -`, "\n", "join: Invitation: nothing was typed"},
		{`join -i -`, "\x04", "join: Invitation: nothing was typed"},
	} {
		errs.Reset()
		fmt.Fprint(master, c.typed)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := s.Run(ctx, c.src)
		cancel()
		if shell.StatusOf(err) != 1 || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: %v, %q", c.src, err, errs.String())
		}
	}
}
