//go:build linux || darwin

package prompt

import (
	"fmt"
	"os"
	"strings"

	goprompt "github.com/c-bata/go-prompt"
)

// screen is what go-prompt draws on: its own writer would always write to the standard output.
type screen struct {
	// For the methods that go-prompt never calls; what they write goes nowhere.
	goprompt.VT100Writer

	out   *os.File
	plain bool // without colours
	buf   []byte

	drawn   func() // called when go-prompt has drawn the line
	showing bool   // the drawing ends here
	mute    bool   // erase, but write no text
	mark    string // put at the end of the line when it is broken
}

// Flush writes what was drawn. Showing the cursor again is the last thing that go-prompt does when it draws a line: so
// this is where it has nothing left to do until the next key, which drawn waits for.
func (s *screen) Flush() error {
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	if s.showing {
		s.showing = false
		s.drawn()
	}
	return err
}

// WriteRaw writes data as it is.
func (s *screen) WriteRaw(data []byte) { s.buf = append(s.buf, data...) }

// WriteStr writes text without its control characters, none of which go-prompt has counted as taking room on the
// line. Only the newline by which it breaks the line stays.
func (s *screen) WriteStr(text string) {
	if s.mute {
		return
	}
	line, broken := strings.CutSuffix(text, "\n")
	s.WriteRaw([]byte(strings.Map(printable, line)))
	if broken {
		s.WriteRaw([]byte(s.mark + "\n"))
	}
}

func (s *screen) csi(format string, args ...any) { s.buf = fmt.Appendf(s.buf, "\x1b["+format, args...) }

// EraseScreen clears the screen.
func (s *screen) EraseScreen() { s.csi("2J") }

// EraseDown clears from the cursor to the end of the screen.
func (s *screen) EraseDown() { s.csi("J") }

// ClearTitle leaves the title of the window as it is: it is not ours.
func (s *screen) ClearTitle() {}

// HideCursor hides the cursor.
func (s *screen) HideCursor() { s.csi("?25l") }

// ShowCursor shows the cursor.
func (s *screen) ShowCursor() { s.csi("?25h"); s.showing = true }

// CursorGoTo moves the cursor; go-prompt only ever sends it home.
func (s *screen) CursorGoTo(row, col int) { s.csi("%d;%dH", max(row, 1), max(col, 1)) }

// CursorUp moves the cursor by n rows, down if n is negative.
func (s *screen) CursorUp(n int) { s.move(n, 'A', 'B') }

// CursorDown moves the cursor by n rows, up if n is negative.
func (s *screen) CursorDown(n int) { s.move(n, 'B', 'A') }

// CursorForward moves the cursor by n columns, back if n is negative.
func (s *screen) CursorForward(n int) { s.move(n, 'C', 'D') }

// CursorBackward moves the cursor by n columns, forward if n is negative.
func (s *screen) CursorBackward(n int) { s.move(n, 'D', 'C') }

func (s *screen) move(n int, to, back rune) {
	switch {
	case n > 0:
		s.csi("%d%c", n, to)
	case n < 0:
		s.csi("%d%c", -n, back)
	}
}

// ScrollDown moves the cursor down a row and scrolls at the bottom.
func (s *screen) ScrollDown() { s.WriteRaw([]byte("\x1bD")) }

// ScrollUp moves the cursor up a row and scrolls at the top.
func (s *screen) ScrollUp() { s.WriteRaw([]byte("\x1bM")) }

// SetColor sets the colours of the text that follows. Without colours the selected suggestion, the one thing that is
// drawn bold, is in reverse.
func (s *screen) SetColor(fg, bg goprompt.Color, bold bool) {
	switch {
	case !s.plain && bold:
		s.csi("0;1;%d;%dm", colour(fg), colour(bg)+10)
	case !s.plain:
		s.csi("0;%d;%dm", colour(fg), colour(bg)+10)
	case bold:
		s.csi("0;7m")
	default:
		s.csi("0m")
	}
}

// colour returns the SGR parameter of c as text colour: the default, eight dark colours, eight bright ones.
func colour(c goprompt.Color) int {
	switch {
	case c == goprompt.DefaultColor:
		return 39
	case c <= goprompt.LightGray:
		return 30 + int(c-goprompt.Black)
	default:
		return 90 + int(c-goprompt.DarkGray)
	}
}

// look is the colours of the editor: greys, and one colour for the prompt.
func look() []goprompt.Option {
	return []goprompt.Option{
		goprompt.OptionPrefixTextColor(goprompt.Cyan),
		goprompt.OptionPreviewSuggestionTextColor(goprompt.DefaultColor),
		goprompt.OptionSuggestionTextColor(goprompt.White),
		goprompt.OptionSuggestionBGColor(goprompt.DarkGray),
		goprompt.OptionSelectedSuggestionTextColor(goprompt.Black),
		goprompt.OptionSelectedSuggestionBGColor(goprompt.White),
		goprompt.OptionDescriptionTextColor(goprompt.LightGray),
		goprompt.OptionDescriptionBGColor(goprompt.DarkGray),
		goprompt.OptionSelectedDescriptionTextColor(goprompt.Black),
		goprompt.OptionSelectedDescriptionBGColor(goprompt.LightGray),
		goprompt.OptionScrollbarThumbColor(goprompt.LightGray),
		goprompt.OptionScrollbarBGColor(goprompt.DarkGray),
	}
}
