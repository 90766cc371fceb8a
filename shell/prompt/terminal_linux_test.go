package prompt

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
)

func TestRunAndLeave(t *testing.T) {
	for _, tt := range []struct{ name, keys string }{{"exit", "exit\r"}, {"Ctrl-D", "\x04"}} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.types("say hello\r")
			s.shows("jx> say hello", `said "hello"`, "jx>")
			s.types(tt.keys)
			s.ends("<nil>")
		})
	}
}

func TestHistory(t *testing.T) {
	s := start(t)
	s.types("\x1b[A") // Up
	s.shows("jx> say two")
	s.types("\x1b[A") // the entry of two lines was left out
	s.shows("jx> say one")
	s.types("\x1b[B!\r")
	s.shows("jx> say two!", `said "two!"`, "jx>")
	s.types("\x1bOA")
	s.shows("jx> say two!", `said "two!"`, "jx> say two!")
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestCompletion(t *testing.T) {
	for _, tt := range []struct{ name, typed, popup, chosen string }{
		{"command", "sa", "say,sail", "sail"},
		{"option", "say --j", "--json", "say --json"},
		{"digits", "say peer", "peer12,peer-13", "say peer-13"},
		{"file", "say >/etc", "/etc/hosts", "say >/etc/hosts"},
		{"assignment", "x=sai", "sail", "x=sail"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t)
			s.types(tt.typed)
			rows := popup("jx> "+tt.typed, tt.popup)
			s.shows(rows...)
			for range rows[1:] {
				s.types("\t")
			}
			rows[0] = "jx> " + tt.chosen
			s.shows(rows...)
			s.types("!")
			s.shows(rows[0] + "!")
			s.types("\x15\x04")
			s.ends("<nil>")
		})
	}
}

// popup returns line and the rows below it.
func popup(line, words string) []string {
	width := 0
	for w := range strings.SplitSeq(words, ",") {
		width = max(width, len(w))
	}
	rows := []string{line}
	for w := range strings.SplitSeq(words, ",") {
		rows = append(rows, strings.Repeat(" ", len(line)+1)+w+strings.Repeat(" ", width-len(w))+"  a word")
	}
	return rows
}

func TestHostileSuggestion(t *testing.T) {
	s := start(t)
	s.types("ba\t\t")
	s.shows("jx> ba")
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestContinuation(t *testing.T) {
	s := start(t)
	s.types("say a\\\rb\r")
	s.shows(`jx> say a\`, "> b", `said "a\\\nb"`, "jx>")
	s.types("\x0csay c\\\r\x04") // Ctrl-D drops it
	s.shows(`jx> say c\`, ">", "jx>")
	s.types("\x0csay d\\\re\x03") // as does Ctrl-C
	s.shows(`jx> say d\`, "> e^C", "jx>")
	s.types("\x04")
	s.ends("<nil>")
}

func TestPaste(t *testing.T) {
	s := start(t)
	s.types("say 1\rsay 2\r\rsay 3\\\r\tsay 4\rread\rtaken by the command\rsay 5")
	s.shows("jx> say 1", `said "1"`, "jx> say 2", `said "2"`, "jx>", `jx> say 3\`, "> say 4", `said "3\\\n\tsay 4"`,
		"jx> read", "reading", `read "taken by the command\n" <nil>`, "jx> say 5")
	s.types("\r\x04")
	s.ends("<nil>")
}

func TestTypeAhead(t *testing.T) {
	s := start(t)
	s.types("wait\r")
	s.shows("jx> wait", "waiting")
	s.cooked()
	s.signal(syscall.SIGUSR1)
	s.shows("jx> wait", "waiting", "news")
	s.resize(30, 20)
	s.types("say b\rhalf")
	s.shows("jx> wait", "waiting", "news", "say b", "half")
	s.signal(syscall.SIGINT)
	s.shows("jx> wait", "waiting", "news", "say b", "halfinterrupt signal received", "jx> say b", `said "b"`, "jx> half")
	s.types(strings.Repeat("x", 30) + "\x02")
	s.shows("jx> wait", "waiting", "news", "say b", "halfinterrupt signal received", "jx> say b", `said "b"`,
		"jx> half"+strings.Repeat("x", 22), "xxxxxxxx")
	s.types("\x03\x04")
	s.ends("<nil>")
}

func TestInterrupt(t *testing.T) {
	s := start(t)
	s.types("dropped\x03")
	s.shows("jx> dropped^C", "jx>")
	s.types("\x0cwait\r")
	s.shows("jx> wait", "waiting")
	s.types("\x03")
	s.shows("jx> wait", "waiting", "^Cinterrupt signal received", "jx>")
	s.signal(syscall.SIGINT)
	s.shows("jx> wait", "waiting", "^Cinterrupt signal received", "jx> ^C", "jx>")
	s.types("\x04")
	s.ends("<nil>")
}

func TestPrint(t *testing.T) {
	s := start(t)
	long := strings.Repeat("0123456789", 10)
	s.types(long + "\x02\x02") // the cursor two to the left
	s.shows("jx> "+long[:56], long[56:])
	s.signal(syscall.SIGUSR1)
	s.shows("news", "jx> "+long[:56], long[56:])
	s.types("X")
	s.shows("news", "jx> "+long[:56], long[56:98]+"X89")
	s.types("\x05\x15\x04")
	s.ends("<nil>")
}

func TestPrintWhileRunning(t *testing.T) {
	s := start(t)
	s.types("stay\r")
	s.shows("jx> stay", "no newline")
	s.signal(syscall.SIGUSR1)
	s.shows("jx> stay", "no newline", "news")
	s.signal(syscall.SIGUSR1)
	s.shows("jx> stay", "no newline", "news", "news")
	s.types("\x03")
	s.shows("jx> stay", "no newline", "news", "news", "^C", "jx>")
	s.types("\x04")
	s.ends("<nil>")
}

func TestPrintWhileChoosing(t *testing.T) {
	s := start(t)
	rows := popup("jx> sa", "say,sail")
	s.types("sa\t")
	s.shows("jx> say", rows[1], rows[2])
	s.signal(syscall.SIGUSR1)
	s.types("\t") // would walk from say, had the news ended the choice
	s.shows("jx> sail", rows[1], rows[2])
	s.types("!")
	s.shows("news", "jx> sail!")
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestResize(t *testing.T) {
	s := start(t)
	s.types("0123456789")
	s.shows("jx> 0123456789")
	s.redraws(24, 10)
	s.types("01234567890123456789")
	s.shows("jx> 01234567890123456789", "0123456789")
	s.redraws(40, 3)
	s.types("\x15\x0csa\t")
	s.shows("jx> say", popup("jx> sa", "say,sail")[1]) // room for one suggestion
	s.redraws(3, 2)
	s.redraws(40, 10)
	s.types("\x15\x0cok")
	s.shows("jx> ok")
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestCursorBehindText(t *testing.T) {
	s := start(t)
	s.types("part\r")
	s.shows("jx> part", "no newline", "jx>")
	s.types("\x04")
	s.ends("<nil>")
}

func TestLongLine(t *testing.T) {
	s := start(t)
	s.types("say " + strings.Repeat("x", 10000) + "\r\x0c")
	s.types("wide \u65e5\u672c\u8a9e h\u00e9\x1bb\x1b[1;5D+\x1bf-") // words: Alt-B, Ctrl-Left, Alt-F
	s.shows("jx> wide +\u65e5\u672c\u8a9e- h\u00e9")
	s.types("\x15\x0b\x04")
	s.ends("<nil>")
}

func TestSignals(t *testing.T) {
	for _, tt := range []struct {
		sig  syscall.Signal
		want string
	}{
		{syscall.SIGTERM, "terminated signal received"},
		{syscall.SIGHUP, "hangup signal received"},
	} {
		t.Run(tt.sig.String()+" at the prompt", func(t *testing.T) {
			s := start(t)
			s.types("half a line")
			s.shows("jx> half a line")
			s.signal(tt.sig)
			s.ends(tt.want)
		})
		t.Run(tt.sig.String()+" during a command", func(t *testing.T) {
			s := start(t)
			s.types("wait\r")
			s.shows("jx> wait", "waiting")
			s.signal(tt.sig)
			s.ends(tt.want)
		})
	}
}

func TestStopAndContinue(t *testing.T) {
	s := start(t)
	s.types("half")
	s.shows("jx> half")
	s.signal(syscall.SIGSTOP)
	s.signal(syscall.SIGCONT)
	s.types(" a line")
	s.shows("jx> half a line")
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestPanic(t *testing.T) {
	s := start(t)
	s.types("panic\r")
	s.ends("panic: boom")
}

func TestDumb(t *testing.T) {
	s := start(t, "TERM=dumb")
	s.types("say a\\\rb\r")
	s.shows(`jx> say a\`, "b", `> said "a\\\nb"`, "jx>")
	s.types("dropped\x03exit\r")
	s.ends("<nil>")
}

func TestNoColor(t *testing.T) {
	s := start(t, "NO_COLOR=1")
	s.types("sa\t")
	s.shows("jx> say", popup("jx> sa", "say,sail")[1], popup("jx> sa", "say,sail")[2])
	s.waits("map[0:true 0;7:true]", func(v *vt) string { return fmt.Sprint(v.styles) })
	s.types("\x15\x04")
	s.ends("<nil>")
}

func TestHangup(t *testing.T) {
	s := start(t)
	s.types("half")
	s.shows("jx> half")
	s.slave.Close()
	s.master.Close()
	if got := s.ended(); got != "hangup signal received" && !strings.HasPrefix(got, "prompt: terminal: ") {
		t.Errorf("Run returned %s", got)
	}
}
