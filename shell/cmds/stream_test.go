package cmds_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// dir is the session's working directory.
func (u *user) dir() string {
	u.t.Helper()
	out, _, _ := u.run(`pwd`)
	return strings.TrimSpace(out)
}

// quiet makes a named pipe in the working directory of which nothing comes, nor the
// end. What is written to it can be read.
func (u *user) quiet() *os.File {
	u.t.Helper()
	u.want(`mkfifo quiet`, "", 0)
	f, err := os.OpenFile(filepath.Join(u.dir(), "quiet"), os.O_RDWR, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { f.Close() })
	return f
}

func TestListenKeeps(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `listen -v -n 3 log >all &`, "log: listening at urn:")
	for n := range 3 {
		bob.want(fmt.Sprintf(`echo line %d | connect log`, n), "", 0)
	}
	alice.want(`wait %1; cat all`, "line 0\nline 1\nline 2\n", 0)
	alice.begin(w, `listen -v -k log >>all &`, "listening")
	bob.want(`echo line 3 | connect log; echo line 4 | connect log`, "", 0)
	w.Until(10*time.Second, "the last line", func() bool {
		out, _, _ := alice.run(`wc -l all`)
		return strings.Contains(out, "5")
	})
	alice.want(`kill %2; wait %2`, "", 143)
}

// A stream that breaks off is reported, and the next one is served.
func TestListenGoesOn(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `listen -v -n 2 log >all &`, "listening")
	fmt.Fprintln(bob.quiet(), "half of a")
	bob.run(`connect log <quiet &`)
	w.Until(10*time.Second, "something comes", func() bool {
		out, _, _ := alice.run(`wc -c <all`)
		return strings.TrimSpace(out) != "0"
	})
	w.Stop(bob.peer)
	alice.says(w, "listen: log: the other end is gone\n")
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`echo there | connect log`, "", 0)
	alice.want(`wait %1; echo $?; cat all`, "1\nhalf of a\nthere\n", 0)
}

func TestListenFails(t *testing.T) {
	w, alice, bob := world(t)
	for src, message := range map[string]string{
		`listen`:                 "one name is wanted",
		`listen a b`:             "one name is wanted",
		`listen a --`:            "a command after --",
		`listen -k -n 2 a`:       "-k has none",
		`listen -n -2 a`:         "no negative number",
		`connect`:                "one pipe is wanted",
		`connect a b`:            "one pipe is wanted",
		`connect -t soon a`:      "no duration",
		`connect -w never maybe`: "no duration",
	} {
		alice.fails(src, message, 2)
	}
	alice.fails(`listen a -- ./nothing`, "./nothing: command not found", 127)
	alice.fails(`listen 'a*'`, "without * and ?", 1)
	alice.fails(`listen -t 200ms a`, "listen: timed out after", 124)
	alice.fails(`listen -t 200ms a -- cat`, "listen: timed out after", 124)
	bob.fails(`connect -t 200ms a`, "a: not found", 4)

	alice.quiet()
	bob.quiet()
	alice.begin(w, `listen -v still <quiet &`, "listening")
	bob.fails(`connect -w 300ms still <quiet`, "still: nothing has come or gone for 300ms", 124)
	alice.begin(w, `listen -v dir <. &`, "listening")
	bob.run(`connect dir`)
	alice.fails(`wait %2`, "standard input: ", 1)
}

// The connection of a peer that dies breaks, and both commands say so.
func TestConnectBreaks(t *testing.T) {
	w, alice, bob := world(t)
	alice.quiet()
	bob.quiet()
	alice.begin(w, `echo hello >quiet; listen -v still <quiet &`, "listening")
	bob.run(`connect still <quiet &`)
	w.Until(10*time.Second, "they are connected", func() bool { return bob.out.take() == "hello\n" })
	w.Stop(alice.peer)
	bob.fails(`wait %1`, "connect: still: the other end is gone", 4)
}

func TestListenRuns(t *testing.T) {
	w, alice, bob := world(t)
	if err := os.WriteFile(filepath.Join(alice.dir(), "greet"), []byte("#!/bin/sh\necho $GREETING $JUXTA_PEER $JUXTA_PIPE\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	alice.begin(w, `export GREETING=hello; listen -v who -- ./greet &`, "who: listening")
	alice.begin(w, `listen -v -n 2 fail -- sh -c 'cat; exit 3' &`, "fail: listening")
	alice.begin(w, `listen -v some -- head -c 3 &`, "some: listening")

	out, _, _ := bob.run(`connect who </dev/null`)
	words := strings.Fields(out)
	if len(words) != 3 || words[0] != "hello" || words[1] != bob.peer.ID().String() || !strings.HasPrefix(words[2], "urn:jxta:uuid-") {
		t.Errorf("got %q", out)
	}
	bob.want(`echo one | connect fail; echo two | connect fail`, "one\ntwo\n", 0)
	alice.fails(`wait %2`, "sh: exit status 3", 1)
	// A process that has enough ends the stream, although more would come.
	fmt.Fprintln(bob.quiet(), "abcdef")
	bob.want(`connect some <quiet &`, "", 0)
	w.Until(10*time.Second, "the process has answered", func() bool { return bob.out.take() == "abc" })
	bob.run(`kill %1; wait %1`)
}

// What breaks off is not taken for the whole by a process.
func TestListenRunsNoPart(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `listen -v -n 1 up -- sh -c 'cat >part && mv part whole' &`, "listening")
	fmt.Fprintln(bob.quiet(), "begun")
	bob.run(`connect up <quiet &`)
	w.Until(10*time.Second, "something comes", func() bool {
		data, _ := os.ReadFile(filepath.Join(alice.dir(), "part"))
		return string(data) == "begun\n"
	})
	w.Stop(bob.peer)
	alice.fails(`wait %1`, "listen: up: the other end is gone", 4)
	alice.want(`test ! -e whole`, "", 0)
}

// More processes than may run at once: the rest wait.
func TestListenIsBounded(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `listen -v -n 70 up -- sh -c 'echo . >>begun; cat' &`, "listening")
	var conns []net.Conn
	for range 70 {
		conn, err := bob.peer.Net().Pipe().Dial(t.Context(), "pipe", "up")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	begun := func() int {
		data, _ := os.ReadFile(filepath.Join(alice.dir(), "begun"))
		return bytes.Count(data, []byte("."))
	}
	w.Until(20*time.Second, "64 run", func() bool { return begun() >= 64 })
	w.Pass(200 * time.Millisecond)
	if n := begun(); n != 64 {
		t.Errorf("%d run", n)
	}
	for _, conn := range conns {
		_ = conn.(*pipe.Conn).CloseWrite()
	}
	w.Until(20*time.Second, "all have run", func() bool { return begun() == 70 })
	alice.want(`wait %1`, "", 0)
}

// A name with a colon is no address with a port.
func TestConnectColon(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `listen -v -n 2 a:1 -- cat &`, "listening")
	bob.want(`echo it is | connect a:1`, "it is\n", 0)
	out, _, _ := alice.run(`search -k pipe --json Name=a:1 | jq -r .id`)
	bob.want(`echo too | connect `+strings.TrimSpace(out), "too\n", 0)
	alice.want(`wait %1`, "", 0)
}
