package shell

import (
	"bufio"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/juxta-p2p/juxta/membership"
)

const maxHistory = 10_000

// History is the lines that a user typed, oldest first. It is safe for
// concurrent use.
type History struct {
	mu    sync.Mutex // guards the rest
	lines []string
	file  *os.File // nil: in memory only
}

// openHistory reads what a file holds and appends to it from then on.
func openHistory(path string) (*History, error) {
	h := new(History)
	if path == "" {
		return h, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	h.file = f
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		h.lines = append(h.lines, unfold(lines.Text()))
	}
	h.trimLocked()
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// Add remembers a line, unless it is blank, repeats the last one, begins with a space, as
// one does for a line that holds a secret, or holds one that we know: a password in a
// variable, or an invitation.
func (h *History) Add(line string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	line = strings.TrimRight(line, "\n")
	if strings.TrimSpace(line) == "" || line[0] == ' ' || holdsSecret(line) {
		return nil
	}
	if n := len(h.lines); n > 0 && h.lines[n-1] == line {
		return nil
	}
	h.lines = append(h.lines, line)
	h.trimLocked()
	if h.file == nil {
		return nil
	}
	_, err := h.file.WriteString(fold(line) + "\n")
	return err
}

// secrets are an assignment to a variable that commands take a password from, and what looks
// like an invitation, mistyped perhaps.
var secrets = regexp.MustCompile(`JUXTA_\w*PASS\w* *=|(?i:\bJX[- ]?(?:[0-9A-Z]{5}[- ]?){3})`)

func holdsSecret(line string) bool {
	return secrets.MatchString(line) || slices.ContainsFunc(strings.FieldsFunc(line, betweenWords), func(word string) bool {
		_, err := membership.ParseToken(word)
		return err == nil
	})
}

func betweenWords(r rune) bool { return strings.ContainsRune(" \t\n'\"=;|&()", r) }

// Lines is a copy of what is remembered, oldest first.
func (h *History) Lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

// Clear forgets everything, also in the file.
func (h *History) Clear() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = nil
	if h.file == nil {
		return nil
	}
	return h.file.Truncate(0)
}

func (h *History) trimLocked() {
	if extra := len(h.lines) - maxHistory; extra > 0 {
		h.lines = append(h.lines[:0:0], h.lines[extra:]...)
	}
}

func (h *History) close() error {
	if h.file == nil {
		return nil
	}
	return h.file.Close()
}

// fold and unfold keep a text of several lines on one line of the file.
var (
	folder   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	unfolder = strings.NewReplacer(`\\`, `\`, `\n`, "\n")
)

func fold(line string) string   { return folder.Replace(line) }
func unfold(line string) string { return unfolder.Replace(line) }
