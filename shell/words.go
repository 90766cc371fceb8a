package shell

import "strings"

// place is what a line says about the position in it that is to be completed.
type place struct {
	start   int      // where the word begins that is being typed
	word    string   // that word, without its quotes
	command string   // of the command it belongs to; "" if it is the command
	before  []string // the words between them
	file    bool     // it follows a redirection
}

// scan reads a line up to pos. It knows just enough of the language to find
// where commands begin; the line is unfinished and mostly does not parse.
func scan(line string, pos int) place {
	pos = min(max(pos, 0), len(line))
	sc := scanner{text: line[:pos]}
	for sc.i < len(sc.text) {
		sc.step()
	}
	p := place{start: sc.start, word: sc.word.String(), file: sc.redirect}
	if !sc.inWord {
		p.start = pos
	}
	if words := commandWords(sc.words); len(words) > 0 {
		p.command, p.before = words[0], words[1:]
	}
	return p
}

type scanner struct {
	text     string
	i        int
	words    []string // of the current command, complete ones
	word     strings.Builder
	inWord   bool
	start    int
	quote    byte // ' or " or 0
	redirect bool
}

func (sc *scanner) step() {
	c := sc.text[sc.i]
	switch {
	case c == '\\' && sc.quote != '\'':
		sc.begin()
		if sc.i+1 < len(sc.text) {
			sc.word.WriteByte(sc.text[sc.i+1])
		}
		sc.i++
	case strings.HasPrefix(sc.text[sc.i:], "$(") && sc.quote != '\'':
		sc.newCommand()
		sc.i++
	case sc.quote != 0:
		if c == sc.quote {
			sc.quote = 0
		} else {
			sc.word.WriteByte(c)
		}
	case c == '\'' || c == '"':
		sc.begin()
		sc.quote = c
	case strings.IndexByte(" \t", c) >= 0:
		sc.end()
	case strings.IndexByte(";|&(){}\n`", c) >= 0 && !sc.inBraces(c):
		sc.newCommand()
	case c == '<' || c == '>':
		sc.end()
		sc.redirect = true
	default:
		sc.begin()
		sc.word.WriteByte(c)
	}
	sc.i++
}

// inBraces reports whether a brace belongs to a word such as ${name}.
func (sc *scanner) inBraces(c byte) bool {
	if c != '{' && c != '}' || !sc.inWord {
		return false
	}
	sc.word.WriteByte(c)
	return true
}

func (sc *scanner) begin() {
	if !sc.inWord {
		sc.inWord, sc.start = true, sc.i
		sc.word.Reset()
	}
}

func (sc *scanner) end() {
	if sc.inWord {
		if !sc.redirect {
			sc.words = append(sc.words, sc.word.String())
		}
		sc.redirect = false
	}
	sc.inWord = false
	sc.word.Reset()
}

func (sc *scanner) newCommand() {
	sc.end()
	sc.words, sc.quote, sc.redirect = nil, 0, false
}

// leaders are words after which a command begins.
var leaders = map[string]bool{
	"!": true, "if": true, "then": true, "elif": true, "else": true, "while": true,
	"until": true, "do": true, "time": true, "command": true, "exec": true,
}

// commandWords drops what may stand before a command: keywords, assignments,
// and the "name =" of ours.
func commandWords(words []string) []string {
	for len(words) > 0 {
		name, _, assigns := strings.Cut(words[0], "=")
		switch {
		case leaders[words[0]] || assigns && name != "" && !strings.ContainsAny(name, "/-"):
			words = words[1:]
		case len(words) > 1 && words[1] == "=":
			words = words[2:]
		default:
			return words
		}
	}
	return nil
}
