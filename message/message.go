package message

import (
	"iter"
	"slices"
)

// DefaultMIME is what an empty [Element.MIME] means.
const DefaultMIME = "application/octet-stream"

// Element is one named, typed part of a message.
type Element struct {
	// Name is not empty, at most MaxName bytes of UTF-8, and free of control
	// characters.
	Name string

	// MIME is the type of Data, at most MaxMIME bytes; "" means DefaultMIME.
	MIME string

	// Data is the body. It may be empty, and it is shared, never copied.
	Data []byte
}

// Message is an ordered list of elements. Names may repeat.
//
// The zero value is an empty message, ready for use. A message keeps the data
// slices it is given and hands out the same slices: whoever has one must not
// change its bytes while the message is in use. Limits are checked when the
// message is encoded, not as it grows.
//
// Any number of goroutines may read a message at once; Add, Set and Remove need
// it for themselves.
type Message struct {
	elements []Element
}

// Add appends an element. It keeps data without copying.
func (m *Message) Add(name, mime string, data []byte) {
	m.elements = append(m.elements, Element{Name: name, MIME: mime, Data: data})
}

// Set replaces the first element of that name, in its place, or appends one if
// there is none. It keeps data without copying.
func (m *Message) Set(name, mime string, data []byte) {
	if i := m.index(name); i >= 0 {
		m.elements[i] = Element{Name: name, MIME: mime, Data: data}
		return
	}
	m.Add(name, mime, data)
}

// Remove takes out every element of that name and tells how many there were.
func (m *Message) Remove(name string) int {
	before := len(m.elements)
	m.elements = slices.DeleteFunc(m.elements, func(e Element) bool { return e.Name == name })
	return before - len(m.elements)
}

// Get gives the first element of that name. Its Data is shared with m.
func (m *Message) Get(name string) (Element, bool) {
	i := m.index(name)
	if i < 0 {
		return Element{}, false
	}
	return m.elements[i], true
}

// Elements walks the elements in order; it can be walked again. Each Data is
// shared with m, and m must not change during the walk.
func (m *Message) Elements() iter.Seq[Element] {
	return slices.Values(m.elements)
}

// Len is the number of elements.
func (m *Message) Len() int { return len(m.elements) }

func (m *Message) index(name string) int {
	return slices.IndexFunc(m.elements, func(e Element) bool { return e.Name == name })
}
