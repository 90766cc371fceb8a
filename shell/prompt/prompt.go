// Package prompt is the line editor of the interactive shell: go-prompt behind a small interface, with history,
// completion, continuation lines, and news printed above the line being typed. It knows nothing of the shell or of
// peers; the caller gives functions.
//
// The terminal is raw only while a line is read. It is as it was before while a command runs and after [Editor.Run],
// whether that ended by a value, an error, a signal or a panic. Only what ends the process without asking (kill -9,
// SIGQUIT, a panic in another goroutine) while a line is read leaves it raw: `stty sane` mends that.
//
// Keys, besides those that go-prompt takes from Emacs:
//
//	Enter            ends the line; pasted text runs line by line
//	Tab, Shift-Tab   walk the suggestions; a tab with more input right behind it was pasted and is text
//	Up, Down         walk the history, or the suggestions once Tab has entered them
//	Ctrl-C           drops the line, and the command it continues; interrupts a running command
//	Ctrl-D           leaves on an empty line; on a continuation line drops the command; typed ahead while a command
//	                 runs that does not read it, it is lost where the terminal makes a NUL of it, as on Linux
//	Ctrl-L           clears the screen
//	Ctrl-Space       does nothing
//	Ctrl-Left/Right  move by words, as Alt-B and Alt-F do
//	Ctrl-Z           does nothing at the prompt; while a command runs it suspends the process, as anywhere
package prompt

import (
	"context"
	"os"
	"strings"
)

// Config says what an [Editor] works on. Only Run is required.
//
// Prompt, Complete, Incomplete, Run and Remember are called one at a time, all in the goroutine of [Editor.Run].
type Config struct {
	// In and Out are the terminal; nil means os.Stdin and os.Stdout.
	In, Out *os.File

	// Prompt returns the prompt of the next line, one line of plain text; nil means "> " always. It is asked before
	// every line. continued says that the line continues an unfinished command.
	Prompt func(continued bool) string

	// Complete returns what may stand for the word before byte pos of line, see [Word]; nil means no completion. It
	// is asked after every key, so it must be quick.
	Complete func(line string, pos int) []Suggestion

	// Incomplete reports whether src, one or more lines with their newlines, is the beginning of a command that
	// needs more lines; nil means never.
	Incomplete func(src string) bool

	// Run executes a whole command, the lines as typed with their newlines, and reports whether to leave. The
	// terminal is the command's: cooked, its input not read by the editor. Ctrl-C, SIGTERM and SIGHUP cancel ctx;
	// Run must return soon after, for nothing can end it from outside.
	Run func(ctx context.Context, src string) (exit bool)

	// History is the lines of earlier sessions, oldest first; entries that are not one line of text are left out.
	History []string

	// OneLine writes a command of one or several lines as a single one for the history, "" if it cannot. Nil: each
	// line is an entry of its own.
	OneLine func(src string) string
	// Remember is told each new line of the history; nil forgets them at the end. Blank lines and repetitions of
	// the line before are not remembered.
	Remember func(line string)
}

// Suggestion is one line of the completion pop-up.
type Suggestion struct {
	Text        string // replaces the word before the cursor
	Description string // shown beside it
}

// separators end a word for completion. A hyphen, a colon, a slash, a dot and a dollar sign are parts of words: of
// options, IDs, addresses, file names and variables.
const separators = " \t\n;|&()<>\"'`="

// Word returns the word that a [Suggestion] for byte pos of line replaces: the text from the nearest blank, quote,
// equals sign or shell operator to pos.
func Word(line string, pos int) string {
	before := line[:pos]
	return before[strings.LastIndexAny(before, separators)+1:]
}
