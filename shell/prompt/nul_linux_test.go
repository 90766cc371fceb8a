package prompt

import (
	"context"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
)

func TestCtrlSpace(t *testing.T) {
	s := start(t)
	s.types("\x00")
	s.types("say\x00 a\x00\r")
	s.shows("jx> say a", `said "a"`, "jx>")
	s.types("\x00half\x00\x03") // Ctrl-C still drops the line
	s.shows("jx> say a", `said "a"`, "jx> half^C", "jx>")
	s.types("\x0csa\t")
	rows := popup("jx> sa", "say,sail")
	s.shows("jx> say", rows[1], rows[2])
	s.types("\x00\t") // and the choice of a suggestion goes on
	s.shows("jx> sail", rows[1], rows[2])
	s.types("\x15\x00\x04")
	s.ends("<nil>")
}

func TestSignalAfterCtrlSpace(t *testing.T) {
	for _, tt := range []struct {
		sig  syscall.Signal
		want string
	}{
		{syscall.SIGTERM, "terminated signal received"},
		{syscall.SIGHUP, "hangup signal received"},
	} {
		t.Run(tt.sig.String(), func(t *testing.T) {
			s := start(t)
			s.types("half\x00")
			s.shows("jx> half")
			s.types("\x00")
			s.signal(tt.sig)
			s.ends(tt.want)
		})
	}
}

// Linux keeps a Ctrl-D typed in cooked mode as a NUL, which is what raw mode then reads.
func TestCtrlDTypedAhead(t *testing.T) {
	for _, tt := range []struct{ name, ahead, echo string }{
		{"alone", "\x04", "waiting"},
		{"twice", "\x04\x04", "waiting"},
		{"Ctrl-Space", "\x00", "waiting\n^@"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.types("wait\r")
			s.shows("jx> wait", "waiting")
			s.types(tt.ahead)
			s.shows("jx> wait", tt.echo)
			s.signal(syscall.SIGINT)
			s.waits("jx>", lastRow)
			s.types("\x0csay a\r")
			s.shows("jx> say a", `said "a"`, "jx>")
			s.types("\x04")
			s.ends("<nil>")
		})
	}
}

func TestLineAndCtrlDTypedAhead(t *testing.T) {
	s := start(t)
	s.types("wait\r")
	s.shows("jx> wait", "waiting")
	s.types("say a\r\x04half\x04")
	s.shows("jx> wait", "waiting", "say a", "half")
	s.signal(syscall.SIGINT)
	s.waits("jx> half", lastRow)
	s.types("\x15\x0csay b\r")
	s.shows("jx> say b", `said "b"`, "jx>")
	s.types("\x04")
	s.ends("<nil>")
}

// What was typed before a Ctrl-C is forgotten with the command, by the terminal.
func TestCtrlCBehindTypedAhead(t *testing.T) {
	s := start(t)
	s.types("wait\r")
	s.shows("jx> wait", "waiting")
	s.types("ahead\x04\x00")
	s.shows("jx> wait", "waiting", "ahead^@")
	s.types("\x03")
	s.waits("jx>", lastRow)
	s.types("\x0csay a\r")
	s.shows("jx> say a", `said "a"`, "jx>")
	s.types("\x00")
	s.signal(syscall.SIGTERM)
	s.ends("terminated signal received")
}

func lastRow(v *vt) string {
	seen := v.String()
	return seen[strings.LastIndexByte(seen, '\n')+1:]
}

// The end of the context ends a line even if nothing awaits a key for it.
func TestReadWatchesContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	line := &terminal{ctx: ctx, screen: &screen{}, next: make(chan []byte, 1), over: make(chan struct{})}
	if line.leaving() {
		t.Error("leaves before the context has ended")
	}
	cancel()
	if key, err := line.Read(); string(key) != leaveKey || err != nil {
		t.Errorf("Read returned %q, %v, want %q", key, err, leaveKey)
	}
	if !line.leaving() || line.end != gone || !line.screen.mute {
		t.Errorf("does not leave: end %d, mute %t", line.end, line.screen.mute)
	}
}

func TestLeavesNoLineTwice(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	line := &terminal{ctx: ctx, screen: &screen{}, over: make(chan struct{})}
	close(line.over)
	if line.leaving() || line.end != entered {
		t.Errorf("leaves a line that is over: end %d", line.end)
	}
	line.ctx = context.Background()
	if key, err := line.Read(); key != nil || !errors.Is(err, io.EOF) {
		t.Errorf("Read returned %q, %v, want EOF", key, err)
	}
}
