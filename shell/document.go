package shell

import (
	"bytes"
	"encoding"
	"fmt"
	"io"
)

// Documenter is an object that can print itself as a document: an
// advertisement as its XML, byte for byte.
type Documenter interface {
	Document() ([]byte, error)
}

// Document is what cat prints of an object: what Config.Document makes of it,
// its own document, or its text.
func (s *Session) Document(obj Object) ([]byte, error) {
	if s.cfg.Document != nil {
		if doc, err := s.cfg.Document(obj.Value); doc != nil || err != nil {
			return doc, err
		}
	}
	switch v := obj.Value.(type) {
	case Documenter:
		return v.Document()
	case []byte:
		return v, nil
	case string:
		return []byte(v), nil
	case encoding.TextMarshaler:
		return v.MarshalText()
	case fmt.Stringer:
		return []byte(v.String() + "\n"), nil
	}
	return nil, fmt.Errorf("%s is %s, which has no document", obj.Name, noun(obj.Kind))
}

func (s *Session) open(obj Object) (io.ReadCloser, error) {
	doc, err := s.Document(obj)
	return io.NopCloser(bytes.NewReader(doc)), err
}
