package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// storyTime is how the beginning of a run is written.
const storyTime = "2006-01-02 15:04:05 MST"

// WriteStory writes what happened as a story: when, in seconds since the beginning;
// what the narrator says, or the command with its node's prompt, what that printed
// and how long it took; whether it failed.
func (r *Run) WriteStory(w io.Writer) error {
	buf := bufio.NewWriter(w)
	fmt.Fprintf(buf, "%s, %s\n", plainLine(r.World), r.Began.Format(storyTime))
	for i, s := range r.Steps {
		if s.Node == "" && (i == 0 || r.Steps[i-1].Node != "") {
			fmt.Fprintln(buf)
		}
		head := s.head()
		if note := s.note(); note != "" {
			head = append(head[:len(head)-1:len(head)-1], head[len(head)-1]+"   ["+note+"]")
		}
		for i, line := range head {
			at := offset(s.At)
			if i > 0 {
				at = ""
			}
			fmt.Fprintln(buf, strings.TrimRight(fmt.Sprintf("%10s  %s", at, line), " "))
		}
		if s.Output != "" {
			for line := range strings.SplitSeq(strings.TrimRight(plain(s.Output), "\n"), "\n") {
				fmt.Fprintln(buf, strings.TrimRight("              "+line, " "))
			}
		}
	}
	fmt.Fprintf(buf, "\n%s\n", r.verdict())
	if r.Err != "" {
		fmt.Fprintln(buf, plain(r.Err))
	}
	return buf.Flush()
}

// head are the lines of what is said or typed.
func (s Step) head() []string {
	lines := strings.Split(strings.TrimRight(plain(s.Text), "\n"), "\n")
	prompt, more := "# ", "# "
	if s.Node != "" {
		prompt = plainLine(s.Node) + "> "
		more = strings.Repeat(" ", runewidth.StringWidth(prompt)-2) + "> "
	}
	for i, line := range lines {
		lines[i] = prompt + line
		prompt = more
	}
	return lines
}

// note is how long the step took, and whether it failed; "" if there is nothing to
// say.
func (s Step) note() string {
	var notes []string
	if s.Status != 0 {
		notes = append(notes, fmt.Sprintf("FAILED, status %d", s.Status))
	}
	if s.Took >= time.Millisecond {
		notes = append(notes, span(s.Took))
	}
	return strings.Join(notes, ", ")
}

func offset(d time.Duration) string { return fmt.Sprintf("+%.3fs", d.Seconds()) }
