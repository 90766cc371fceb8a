package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// Stage is where an experiment is played. It ends with Close.
type Stage struct {
	Transport string // "tcp" or "quic"
	Rounds    int
	Quick     bool // a small amount of work

	child   []string // the command that runs a child
	profile string   // file for a CPU profile, "" for none; children add their role
	closers []func()
}

// Amount is how much work to do.
func (st *Stage) Amount(whole, quick int) int {
	if st.Quick {
		return quick
	}
	return whole
}

// Defer calls f at the end.
func (st *Stage) Defer(f func()) { st.closers = append(st.closers, f) }

// Close ends what was started on the stage, the last first.
func (st *Stage) Close() {
	for len(st.closers) > 0 {
		last := len(st.closers) - 1
		st.closers[last]()
		st.closers = st.closers[:last]
	}
}

// scene is a stage like this, on which nothing stands yet.
func (st *Stage) scene() *Stage {
	c := *st
	c.closers = nil
	return &c
}

// spawn runs ourselves in that role, for as long as the stage stands and the
// context lasts: a child ends when its standard input does, so it does not outlive
// us whatever befalls us. The role gets n and the addresses.
func (st *Stage) spawn(ctx context.Context, role string, n int, addrs ...string) (*child, error) {
	args := append(st.child[1:len(st.child):len(st.child)], "-role", role, "-transport", st.Transport, "-n", strconv.Itoa(n))
	if st.profile != "" {
		args = append(args, "-cpuprofile", st.profile+"."+role)
	}
	cmd := exec.CommandContext(ctx, st.child[0], append(args, addrs...)...)
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = killDelay
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := newChild(stdin, stdout)
	st.Defer(func() { end(cmd, c) })
	late := time.AfterFunc(spawnTimeout, func() { _ = stdout.Close() })
	defer late.Stop()
	if err := c.out.Decode(&c.at); err != nil {
		return nil, fmt.Errorf("the process %q does not say where it is: %w", role, err)
	}
	return c, nil
}

// server spawns a child, and returns where it is.
func (st *Stage) server(ctx context.Context, role string, seeds ...string) (*Where, error) {
	c, err := st.spawn(ctx, role, 0, seeds...)
	if err != nil {
		return nil, err
	}
	return &c.at, nil
}
