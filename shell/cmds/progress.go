package cmds

import (
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/juxta-p2p/juxta/service/transfer"
	"github.com/juxta-p2p/juxta/shell"
)

// How often a progress bar is drawn, and over how long its rate is taken.
const barInterval = 100 * time.Millisecond

// bar is the progress bar of a file: a line on a terminal that is drawn again and again.
// A nil bar draws nothing.
type bar struct {
	w     io.Writer
	width int

	state transfer.Progress
	began time.Time // when state became what it is: checking, or sending
	first int64     // with so many bytes
	drawn time.Time
}

// newBar makes a bar on the terminal that standard error is, if it is one.
func newBar(c *shell.Call, out *shell.Output) *bar {
	f, ok := terminal(c.Stderr)
	if !ok || out.JSON {
		return nil
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 { // some do not know
		width = 80
	}
	return &bar{w: f, width: width}
}

// show draws the bar, unless it was drawn just now.
func (b *bar) show(p transfer.Progress) {
	if b == nil {
		return
	}
	now := time.Now()
	if b.began.IsZero() || b.state.Checking != p.Checking || p.Done < b.state.Done {
		b.began, b.first = now, p.Done
	}
	b.state = p
	if now.Sub(b.drawn) < barInterval {
		return
	}
	b.drawn = now
	fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(now))
}

// clear takes the bar from the screen.
func (b *bar) clear() {
	if b != nil && !b.drawn.IsZero() {
		fmt.Fprint(b.w, "\r\x1b[K")
		b.drawn = time.Time{}
	}
}

// line is the bar at a time: name, bar, share, rate and what remains.
func (b *bar) line(now time.Time) string {
	p := b.state
	share := 1.0
	if p.File.Size > 0 {
		share = min(1, float64(p.Done)/float64(p.File.Size))
	}
	what := "sending"
	if p.Checking {
		what = "reading"
	}
	text := fmt.Sprintf("%3.0f%%", 100*share)
	if passed := now.Sub(b.began).Seconds(); passed > 0.5 && p.Done > b.first {
		rate := float64(p.Done-b.first) / passed
		left := time.Duration(float64(p.File.Size-p.Done) / rate * float64(time.Second))
		text += fmt.Sprintf("  %s/s  %s left", sizeText(int64(rate)), left.Round(time.Second))
	}
	name := transfer.CleanName(p.File.Name)
	if room := b.width / 3; len([]rune(name)) > room && room > 1 {
		name = string([]rune(name)[:room-1]) + "…"
	}
	head := what + " " + name
	room := b.width - len([]rune(head)) - len(text) - 6
	if room < 5 {
		return head + "  " + text
	}
	room = min(room, 40)
	full := int(share * float64(room))
	return fmt.Sprintf("%s  [%s%s]  %s", head, strings.Repeat("#", full), strings.Repeat(".", room-full), text)
}
