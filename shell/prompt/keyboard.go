//go:build linux || darwin

package prompt

import (
	"io"
	"strings"
	"time"
	"unicode/utf8"

	goprompt "github.com/c-bata/go-prompt"
	"golang.org/x/sys/unix"
)

const (
	nul    = 0x00
	ctrlC  = 0x03
	ctrlD  = 0x04
	escape = 0x1b
	del    = 0x7f
)

const (
	maxText  = 4096                   // bytes of pasted text given as one key
	maxSeq   = 16                     // bytes of an escape sequence
	splitGap = 100 * time.Millisecond // within which the rest of a rune or an escape sequence follows
)

// keyboard divides the bytes of a terminal into keys, as go-prompt takes what one read returns for one key and so
// loses text pasted with its newlines. It reads byte by byte and nothing behind the newline that ends a line: that
// stays in the terminal for the command's own input, or the next line.
type keyboard struct {
	fd   int
	held []byte // at most one byte: read, and the first of the next key
	err  error  // sticky
}

// next returns the next key: a control byte, an escape sequence that go-prompt knows, or a run of text. It returns nil
// when none came within wait, or an unknown sequence or a NUL, which are dropped.
func (k *keyboard) next(wait time.Duration) ([]byte, error) {
	if !k.ready(wait) {
		return nil, k.err
	}
	b, ok := k.read()
	switch {
	case !ok:
		return nil, k.err
	case b == nul:
		// Ctrl-Space; also what Linux gives for a Ctrl-D typed while the terminal was cooked. go-prompt ignores it
		// without drawing the line, and that is what asks for the next key.
		return nil, nil
	case b == escape:
		return k.sequence(), k.err
	case k.isText(b):
		return k.text(b), k.err
	default:
		return []byte{b}, nil
	}
}

// isText reports whether b is text to insert. A tab with more input right behind it is, too: nobody types so fast, it
// is the indentation of pasted lines, and as a key it would accept a suggestion.
func (k *keyboard) isText(b byte) bool {
	return b >= ' ' && b != del || b == '\t' && k.ready(0)
}

// text returns the run of text that begins with b, as far as it is there. Bytes that are no text in UTF-8 become
// U+FFFD, and the control characters above ASCII are dropped.
func (k *keyboard) text(b byte) []byte {
	run := []byte{b}
	for {
		wait := time.Duration(0)
		if partial(run) {
			wait = splitGap
		} else if len(run) >= maxText {
			break
		}
		if !k.ready(wait) {
			break
		}
		b, ok := k.read()
		if !ok {
			break
		}
		if !k.isText(b) {
			k.held = append(k.held, b)
			break
		}
		run = append(run, b)
	}
	return []byte(strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return printable(r)
	}, strings.ToValidUTF8(string(run), "\uFFFD")))
}

// partial reports whether the last rune of run lacks bytes.
func partial(run []byte) bool {
	for i := len(run) - 1; i >= max(0, len(run)-utf8.UTFMax); i-- {
		if utf8.RuneStart(run[i]) {
			return !utf8.FullRune(run[i:])
		}
	}
	return false
}

// sequence returns the escape sequence whose first byte was read, or nil if it has no meaning: go-prompt would insert
// it as text.
func (k *keyboard) sequence() []byte {
	seq := []byte{escape}
	for len(seq) < maxSeq && !complete(seq) && k.ready(splitGap) {
		b, ok := k.read()
		if !ok {
			return nil
		}
		if b < ' ' { // a key of its own after a lone escape
			k.held = append(k.held, b)
			break
		}
		seq = append(seq, b)
	}
	if goprompt.GetKey(seq) != goprompt.NotDefined || string(seq) == altB || string(seq) == altF {
		return seq
	}
	return nil
}

// complete reports whether seq is a whole escape sequence: ESC and a character, ESC O and a character, or ESC [ to
// the first letter or tilde. The function keys of the Linux console have another [ behind that.
func complete(seq []byte) bool {
	if len(seq) == 1 {
		return false
	}
	last := seq[len(seq)-1]
	switch {
	case len(seq) == 2:
		return last != '[' && last != 'O'
	case seq[1] == 'O':
		return true
	default:
		return last >= '@' && last <= '~' && !(len(seq) == 3 && last == '[')
	}
}

// ready reports whether a byte can be read within wait. It is select, not poll, as poll knows no terminals on macOS.
func (k *keyboard) ready(wait time.Duration) bool {
	if len(k.held) > 0 {
		return true
	}
	for k.err == nil {
		var set unix.FdSet
		set.Set(k.fd)
		timeout := unix.NsecToTimeval(wait.Nanoseconds())
		n, err := unix.Select(k.fd+1, &set, nil, nil, &timeout)
		if err != unix.EINTR {
			k.err = err
			return n > 0
		}
	}
	return false
}

// read returns the next byte, after ready.
func (k *keyboard) read() (b byte, ok bool) {
	if len(k.held) > 0 {
		b, k.held = k.held[0], k.held[:0]
		return b, true
	}
	var buf [1]byte
	n, err := unix.Read(k.fd, buf[:])
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return 0, false
	case err != nil:
		k.err = err
	case n == 0: // the terminal has hung up
		k.err = io.ErrUnexpectedEOF
	}
	return buf[0], k.err == nil
}
