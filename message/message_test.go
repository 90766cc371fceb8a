package message_test

import (
	"slices"
	"testing"

	"github.com/juxta-p2p/juxta/message"
)

func names(m *message.Message) []string {
	var out []string
	for e := range m.Elements() {
		out = append(out, e.Name)
	}
	return out
}

func TestMessage(t *testing.T) {
	var m message.Message
	if _, ok := m.Get("a"); ok || m.Len() != 0 || m.EncodedSize() != 2 {
		t.Fatal("the zero value is not an empty message")
	}
	m.Add("a", "", []byte("1"))
	m.Add("b", "text/plain", []byte("2"))
	m.Add("a", "", []byte("3"))

	e, ok := m.Get("a")
	if !ok || string(e.Data) != "1" {
		t.Errorf("Get(a) = %q, %v; want the first", e.Data, ok)
	}
	m.Set("b", "text/xml", []byte("4"))
	if e, _ := m.Get("b"); e.MIME != "text/xml" || string(e.Data) != "4" {
		t.Errorf("after Set, b = %+v", e)
	}
	m.Set("c", "", nil)
	if got, want := names(&m), []string{"a", "b", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("elements %q, want %q", got, want)
	}
	if n := m.Remove("a"); n != 2 {
		t.Errorf("Remove(a) = %d, want 2", n)
	}
	if got, want := names(&m), []string{"b", "c"}; !slices.Equal(got, want) {
		t.Errorf("elements %q, want %q", got, want)
	}
	if n := m.Remove("a"); n != 0 {
		t.Errorf("Remove(a) again = %d, want 0", n)
	}
}

func TestElementsStops(t *testing.T) {
	var m message.Message
	m.Add("a", "", nil)
	m.Add("b", "", nil)
	for e := range m.Elements() {
		if e.Name != "a" {
			t.Fatalf("walked on to %q after break", e.Name)
		}
		break
	}
}
