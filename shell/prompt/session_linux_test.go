package prompt

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// childEnv makes the test binary be the editor, as only a process of its own can have a terminal of its own.
const childEnv = "PROMPT_TEST_CHILD"

// patience is how long anything may take.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) == "" {
		os.Exit(m.Run())
	}
	child(os.NewFile(3, "result"))
}

// child runs an Editor and writes how it ended to result. SIGUSR1 is news.
func child(result *os.File) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(result, "panic: %v", r)
		}
	}()
	e := New(&Config{
		Prompt: func(continued bool) string {
			if continued {
				return "> "
			}
			return "jx> "
		},
		Complete:   suggest,
		Incomplete: func(src string) bool { return strings.HasSuffix(src, "\\\n") },
		Run:        run,
		History:    []string{"say one", "two\nlines", "say two"},
	})
	news := make(chan os.Signal, 1)
	signal.Notify(news, syscall.SIGUSR1)
	go func() {
		for range news {
			e.Print("news")
		}
	}()
	fmt.Fprint(result, e.Run(context.Background()))
}

func suggest(line string, pos int) (found []Suggestion) {
	for _, s := range []string{"say", "sail", "--json", "--group", "peer12", "peer-13", "/etc/hosts", "bad\x1b[2Jname"} {
		if word := Word(line, pos); word != "" && strings.HasPrefix(s, word) {
			found = append(found, Suggestion{s, "a word"})
		}
	}
	return found
}

func run(ctx context.Context, src string) (exit bool) {
	name, args, _ := strings.Cut(strings.TrimSuffix(src, "\n"), " ")
	switch name {
	case "say":
		fmt.Printf("said %q\n", args)
	case "wait":
		fmt.Println("waiting")
		<-ctx.Done()
		fmt.Println(context.Cause(ctx))
	case "read":
		fmt.Println("reading")
		line, err := readLine(os.Stdin)
		fmt.Printf("read %q %v\n", line, err)
	case "part":
		fmt.Print("no newline")
	case "stay":
		fmt.Print("no newline")
		<-ctx.Done()
	case "panic":
		panic("boom")
	case "exit":
		return true
	}
	return false
}

// readLine takes one line and no more.
func readLine(r io.Reader) (string, error) {
	for line := []byte(nil); ; {
		var b [1]byte
		if _, err := r.Read(b[:]); err != nil {
			return string(line), err
		}
		if line = append(line, b[0]); b[0] == '\n' {
			return string(line), nil
		}
	}
}

// session is an Editor on a pseudo-terminal.
type session struct {
	t             *testing.T
	master, slave *os.File
	cmd           *exec.Cmd
	before        unix.Termios
	result        chan string
	changed       chan struct{} // capacity 1

	mu     sync.Mutex // guards screen
	screen *vt
}

func start(t *testing.T, env ...string) *session {
	t.Helper()
	s := &session{t: t, result: make(chan string, 1), changed: make(chan struct{}, 1), screen: newVT(60, 24)}
	s.open()
	s.resize(60, 24)
	s.before = s.termios()
	r, w, err := os.Pipe()
	check(t, err)
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append(append(os.Environ(), childEnv+"=1", "TERM=xterm", "NO_COLOR=", "GORACE=atexit_sleep_ms=0"), env...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr, s.cmd.ExtraFiles = s.slave, s.slave, s.slave, []*os.File{w}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(t, s.cmd.Start())
	w.Close()
	t.Cleanup(func() {
		s.cmd.Process.Kill()
		s.cmd.Wait()
		s.slave.Close()
		s.master.Close()
	})
	go func() {
		b, _ := io.ReadAll(r)
		r.Close()
		s.result <- string(b)
	}()
	go s.watch()
	s.shows("jx>")
	return s
}

// open makes the pseudo-terminal.
func (s *session) open() {
	var err error
	s.master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(s.t, err)
	s.control(func(fd int) {
		check(s.t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
		n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
		check(s.t, err)
		s.slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
		check(s.t, err)
	})
}

// control calls f with the master's descriptor, which stays usable for a read at the same time.
func (s *session) control(f func(fd int)) {
	c, err := s.master.SyscallConn()
	check(s.t, err)
	check(s.t, c.Control(func(fd uintptr) { f(int(fd)) }))
}

func (s *session) termios() (t unix.Termios) {
	s.control(func(fd int) {
		p, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		check(s.t, err)
		t = *p
	})
	return t
}

func (s *session) watch() {
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.screen.write(buf[:n])
		s.mu.Unlock()
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
}

func (s *session) resize(cols, rows int) {
	s.mu.Lock()
	s.screen.resize(cols, rows)
	s.mu.Unlock()
	s.control(func(fd int) {
		check(s.t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(rows), Col: uint16(cols)}))
	})
}

// types writes keys in one write.
func (s *session) types(keys string) {
	s.t.Helper()
	_, err := s.master.WriteString(keys)
	check(s.t, err)
}

func (s *session) signal(sig os.Signal) {
	s.t.Helper()
	check(s.t, s.cmd.Process.Signal(sig))
}

// shows waits until the rows of the screen that are not blank are these.
func (s *session) shows(rows ...string) {
	s.t.Helper()
	s.waits(strings.Join(rows, "\n"), (*vt).String)
}

// redraws resizes the window and waits until the editor has noticed.
func (s *session) redraws(cols, rows int) {
	s.t.Helper()
	s.mu.Lock()
	before := s.screen.drawn
	s.mu.Unlock()
	s.resize(cols, rows)
	s.waits("drawn: true", func(v *vt) string { return fmt.Sprint("drawn: ", v.drawn > before) })
}

// waits waits until look at the screen gives want.
func (s *session) waits(want string, look func(*vt) string) {
	s.t.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		got := look(s.screen)
		s.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-s.changed:
		case <-late:
			s.t.Fatalf("screen:\n%s\n\nwant:\n%s", got, want)
		}
	}
}

// ended waits until Run has returned, and returns what.
func (s *session) ended() string {
	s.t.Helper()
	select {
	case got := <-s.result:
		return got
	case <-time.After(patience):
		s.t.Fatal("Run does not end")
		return ""
	}
}

// ends waits until Run has returned what prints as result, and checks the terminal.
func (s *session) ends(result string) {
	s.t.Helper()
	if got := s.ended(); got != result {
		s.t.Errorf("Run returned %s, want %s", got, result)
	}
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("child: %v", err)
	}
	s.cooked()
}

// cooked checks that the terminal is as it was before the child began.
func (s *session) cooked() {
	s.t.Helper()
	if now := s.termios(); now != s.before {
		s.t.Errorf("terminal mode %+v, was %+v", now, s.before)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
