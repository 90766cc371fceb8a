package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// spawnTimeout bounds the start of a child, killDelay its end.
const (
	spawnTimeout = 20 * time.Second
	killDelay    = 5 * time.Second
)

// Stage is where an experiment is played. It ends with Close.
type Stage struct {
	Transport string
	Pairs     int
	Quick     bool   // a small amount of work
	Profile   string // file for a CPU profile, "" for none; children add their role
	Binary    string // of juxta; "": it is built

	closers []func()
}

// amount is how much work to do.
func (st *Stage) amount(whole, quick int) int {
	if st.Quick {
		return quick
	}
	return whole
}

// deferClose calls f at the end.
func (st *Stage) deferClose(f func()) { st.closers = append(st.closers, f) }

// Close ends the children, the last one first.
func (st *Stage) Close() {
	for len(st.closers) > 0 {
		last := len(st.closers) - 1
		st.closers[last]()
		st.closers = st.closers[:last]
	}
}

// hello is the line in which a child says where it is.
type hello struct {
	Addrs []string `json:"addrs"` // multiaddrs with the libp2p ID at their end
	Peer  string   `json:"peer"`  // URN; "" for the baseline
}

// spawn runs ourselves as a server of that role, for as long as the stage
// stands: a child ends when its standard input does, so it does not outlive us
// whatever befalls us.
func (st *Stage) spawn(ctx context.Context, role string, seeds ...string) (*hello, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args := []string{serveArg, "-role", role, "-transport", st.Transport}
	if st.Profile != "" {
		args = append(args, "-cpuprofile", st.Profile+"."+role)
	}
	cmd := exec.CommandContext(ctx, self, append(args, seeds...)...)
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
	st.deferClose(func() { end(cmd, stdin) })
	at, err := hear(stdout)
	if err != nil {
		return nil, fmt.Errorf("%s server: %w", role, err)
	}
	return at, nil
}

// hear waits for the line of a child.
func hear(stdout io.ReadCloser) (*hello, error) {
	late := time.AfterFunc(spawnTimeout, func() { _ = stdout.Close() })
	defer late.Stop()
	text, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("does not say where it is: %w", err)
	}
	at := new(hello)
	return at, json.Unmarshal(text, at)
}

// end asks a child to end, and insists.
func end(cmd *exec.Cmd, stdin io.Closer) {
	late := time.AfterFunc(killDelay, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = stdin.Close()
	_ = cmd.Wait()
}

// servers are where the two sides' servers are.
type servers [2]*hello

// spawnServers starts a server for each side.
func (st *Stage) spawnServers(ctx context.Context) (s servers, err error) {
	for side := range s {
		if s[side], err = st.spawn(ctx, Side(side).String()); err != nil {
			return s, err
		}
	}
	return s, nil
}
