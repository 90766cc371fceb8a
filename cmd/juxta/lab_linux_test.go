package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/lab"
)

// endless is a world that waits for ever, with a node whose shell does, too.
const endless = `# stage: netns
nat a symmetric
node carol
node alice bob --at a --seed carol
link a --delay 5ms
on bob 'sleep 1000' &
echo ready
on alice 'sleep 1000'
`

// startLab starts juxta lab run with a world, and returns when that prints "ready".
func startLab(t *testing.T, src string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd, errs, _ := startLabAs(t, "run", src)
	return cmd, errs
}

// startLabAs starts it to be run or demonstrated, and also returns what it writes to.
func startLabAs(t *testing.T, how, src string) (*exec.Cmd, *bytes.Buffer, io.Closer) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces, and processes")
	}
	if err := lab.NetnsPossible(); err != nil {
		t.Skipf("needs root: %v", err)
	}
	name := filepath.Join(t.TempDir(), "world.jx")
	if err := os.WriteFile(name, []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("juxta", "lab", how, name)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "ready" {
			return cmd, &errs, out
		}
	}
	_ = cmd.Wait()
	t.Fatalf("the lab does not begin: %v: %s", cmd.ProcessState, &errs)
	return nil, nil, nil
}

// traces are what is left of a lab: namespaces, directories and processes.
func traces(t *testing.T, pid int) (all []string) {
	t.Helper()
	prefix := fmt.Sprintf("jx%d-", pid)
	for _, dir := range []string{"/run/netns", os.TempDir()} {
		left, _ := os.ReadDir(dir)
		for _, e := range left {
			if strings.HasPrefix(e.Name(), prefix) {
				all = append(all, filepath.Join(dir, e.Name()))
			}
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range processes {
		text, err := os.ReadFile(name)
		fields := strings.Fields(string(text[max(0, bytes.LastIndexByte(text, ')')):]))
		if err == nil && len(fields) > 2 && fields[1] != "Z" && fields[2] == fmt.Sprint(pid) { // its parent
			all = append(all, name)
		}
	}
	return all
}

// However a lab is told to end, it takes all with it.
func TestLabEndsInOrder(t *testing.T) {
	for _, signals := range [][]os.Signal{
		{os.Interrupt}, {syscall.SIGTERM}, {os.Interrupt, os.Interrupt}, {os.Interrupt, os.Interrupt, syscall.SIGTERM, os.Interrupt},
	} {
		cmd, errs := startLab(t, endless)
		if len(traces(t, cmd.Process.Pid)) < 8 { // 5 namespaces, 3 processes
			t.Errorf("not all is there: %v", traces(t, cmd.Process.Pid))
		}
		for _, s := range signals {
			if err := cmd.Process.Signal(s); err != nil {
				t.Log(err)
			}
		}
		_ = cmd.Wait()
		if want := 128 + int(signals[0].(syscall.Signal)); cmd.ProcessState.ExitCode() != want {
			t.Errorf("%v: %v, not %d: %s", signals, cmd.ProcessState, want, errs)
		}
		if left := traces(t, cmd.Process.Pid); len(left) > 0 {
			t.Errorf("%v: left are %v", signals, left)
		}
	}
}

// What a lab has left that was killed can be removed, with no harm to one that runs.
func TestLabClean(t *testing.T) {
	killed, _ := startLab(t, endless)
	other, _ := startLab(t, endless)
	pids := traces(t, killed.Process.Pid)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait()
	out, err := exec.Command("juxta", "lab", "clean").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, want := range []string{"-wan\n", "-a\n", "-carol\n", "-alice\n", "-bob\n", "removed directory "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not among %s", want, out)
		}
	}
	if left := traces(t, killed.Process.Pid); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
	for _, name := range pids {
		if text, err := os.ReadFile(name); strings.HasPrefix(name, "/proc") && err == nil && !strings.Contains(string(text), ") Z ") {
			t.Errorf("%s is left: %s", name, text)
		}
	}
	if there := traces(t, other.Process.Pid); len(there) < 8 {
		t.Errorf("of the other lab only these are there: %v", there)
	}
	if err := other.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	if left := traces(t, other.Process.Pid); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// An interrupt that comes while nodes are being started leaves nothing either.
func TestLabEndsWhileItBegins(t *testing.T) {
	cmd, errs := startLab(t, "# stage: netns\necho ready\nnode carol\nnode a b c d e f g h i j k l --seed carol\n")
	time.AfterFunc(150*time.Millisecond, func() { _ = cmd.Process.Signal(os.Interrupt) })
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("%v: %s", cmd.ProcessState, errs)
	}
	if left := traces(t, cmd.Process.Pid); len(left) > 0 {
		t.Errorf("left are %v", left)
	}
}

// When nobody reads what a lab says, it ends, and leaves nothing.
func TestLabWithoutAudience(t *testing.T) {
	for _, how := range []string{"run", "demo"} {
		cmd, errs, out := startLabAs(t, how, "# stage: netns\nnode carol\necho ready\nwhile true; do on carol whoami; done\n")
		_ = out.Close()
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() != 141 {
			t.Errorf("%s: %v: %s", how, cmd.ProcessState, errs)
		}
		if left := traces(t, cmd.Process.Pid); len(left) > 0 {
			t.Errorf("%s: left are %v", how, left)
		}
	}
}
