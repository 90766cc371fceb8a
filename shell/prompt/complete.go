//go:build linux || darwin

package prompt

import (
	"strings"

	goprompt "github.com/c-bata/go-prompt"
	"github.com/mattn/go-runewidth"
)

// maxShown is the most rows of the pop-up.
const maxShown = 6

// complete returns the suggestions for the pop-up. While the user walks them they stay what they were: go-prompt keeps
// the index of the selected one and panics if it no longer exists.
func (t *terminal) complete(d goprompt.Document) []goprompt.Suggest {
	if t.choosing && len(t.shown) > 0 && t.shownFor == d.Text {
		return t.shown
	}
	t.shown, t.shownFor = nil, d.Text
	before := d.TextBeforeCursor()
	room := t.room(d.Text)
	if room == 0 || t.unasked(d.LastKeyStroke(), before) {
		return nil
	}
	t.set(goprompt.OptionMaxSuggestion(uint16(room)))
	for _, s := range t.ed.cfg.Complete(d.Text, len(before)) {
		if s.Text != "" && isText(s.Text) {
			t.shown = append(t.shown, goprompt.Suggest{Text: s.Text, Description: strings.Map(printable, s.Description)})
		}
	}
	return t.shown
}

// unasked reports whether the pop-up would only be in the way: on an empty line unless Tab was typed, and over the lines
// of the history.
func (t *terminal) unasked(last goprompt.Key, before string) bool {
	switch last {
	case goprompt.Up, goprompt.Down, goprompt.ControlP, goprompt.ControlN:
		return true
	}
	return !t.choosing && strings.TrimSpace(before) == ""
}

// room returns how many rows the pop-up may have below text; go-prompt takes one more when it reaches the right edge.
// A pop-up too narrow for its margins makes go-prompt panic, so beside a prompt as wide as the window there is none.
func (t *terminal) room(text string) int {
	cols, rows := t.size()
	prefix := runewidth.StringWidth(t.prefix)
	if cols-prefix < 10 {
		return 0
	}
	used := 2 + (prefix+runewidth.StringWidth(text))/cols
	return min(max(rows-used, 0), maxShown)
}
