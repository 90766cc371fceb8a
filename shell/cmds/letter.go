package cmds

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe"
)

// letter is a message as the session keeps it, under kind msg.
type letter struct {
	mu   sync.Mutex // guards m
	m    *message.Message
	from string // the URN of the peer that sent it, "" if it was made here

	request *pipe.Received // nil: nobody waits for a reply to it
	replied atomic.Bool
}

// newLetter keeps a message that has come.
func newLetter(got *pipe.Received) *letter {
	l := &letter{m: got.Message, from: got.From.String()}
	if got.Wanted() {
		l.request = got
	}
	return l
}

// letterRow is a message as JSON.
type letterRow struct {
	Handle   string       `json:"handle,omitempty"` // of a request
	From     string       `json:"from"`
	Elements []elementRow `json:"elements"`
}

// elementRow is an element of it: what is no text is in base64.
type elementRow struct {
	part
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

func (l *letter) row() letterRow {
	l.mu.Lock()
	defer l.mu.Unlock()
	row := letterRow{From: l.from, Elements: []elementRow{}}
	for e := range l.m.Elements() {
		el := elementRow{part: part{e.Name, mimeOf(e), len(e.Data)}}
		if utf8.Valid(e.Data) {
			text := string(e.Data)
			el.Text = &text
		} else {
			el.Base64 = e.Data
		}
		row.Elements = append(row.Elements, el)
	}
	return row
}

// Document is what cat prints: each element under a heading.
func (l *letter) Document() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b bytes.Buffer
	if l.from != "" {
		fmt.Fprintf(&b, "From: %s\n", l.from)
	}
	if l.request != nil {
		b.WriteString("Request: a reply is wanted\n")
	}
	n := 0
	for e := range l.m.Elements() {
		n++
		fmt.Fprintf(&b, "Element %d: %s (%s, %d bytes)\n", n, e.Name, mimeOf(e), len(e.Data))
		if isText(e) {
			b.Write(e.Data)
			if !bytes.HasSuffix(e.Data, []byte("\n")) {
				b.WriteByte('\n')
			}
		}
	}
	return b.Bytes(), nil
}

// String is what env prints.
func (l *letter) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for e := range l.m.Elements() {
		names = append(names, e.Name)
	}
	return fmt.Sprintf("%d elements: %s", l.m.Len(), strings.Join(names, ", "))
}

// message returns the message as it is now.
func (l *letter) message() *message.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := new(message.Message)
	for e := range l.m.Elements() {
		m.Add(e.Name, e.MIME, e.Data)
	}
	return m
}

const textMIME = "text/plain"

func mimeOf(e message.Element) string {
	if e.MIME == "" {
		return message.DefaultMIME
	}
	return e.MIME
}

// isText reports whether an element is made of lines to read.
func isText(e message.Element) bool {
	m := mimeOf(e)
	return strings.HasPrefix(m, "text/") || strings.HasSuffix(m, "/xml") || strings.HasSuffix(m, "/json")
}
