//go:build linux || darwin

package prompt

import (
	"strings"
	"unicode/utf8"

	goprompt "github.com/c-bata/go-prompt"
)

// What terminals send for Alt with a letter.
const (
	altB = "\x1bb"
	altF = "\x1bf"
)

// wordKeys binds the keys that move by words. go-prompt's own such functions count bytes as runes.
func wordKeys() []goprompt.Option {
	return []goprompt.Option{
		goprompt.OptionAddKeyBind(
			goprompt.KeyBind{Key: goprompt.ControlLeft, Fn: wordLeft},
			goprompt.KeyBind{Key: goprompt.ControlRight, Fn: wordRight},
		),
		goprompt.OptionAddASCIICodeBind(
			goprompt.ASCIICodeBind{ASCIICode: []byte(altB), Fn: wordLeft},
			goprompt.ASCIICodeBind{ASCIICode: []byte(altF), Fn: wordRight},
		),
	}
}

// wordLeft moves the cursor to the beginning of the word before it.
func wordLeft(b *goprompt.Buffer) {
	before := b.Document().TextBeforeCursor()
	start := strings.LastIndexByte(strings.TrimRight(before, " "), ' ') + 1
	b.CursorLeft(utf8.RuneCountInString(before[start:]))
}

// wordRight moves the cursor behind the word after it.
func wordRight(b *goprompt.Buffer) {
	after := b.Document().TextAfterCursor()
	end := len(after)
	blanks := end - len(strings.TrimLeft(after, " "))
	if n := strings.IndexByte(after[blanks:], ' '); n >= 0 {
		end = blanks + n
	}
	b.CursorRight(utf8.RuneCountInString(after[:end]))
}
