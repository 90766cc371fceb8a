package adv

import (
	"bytes"
	"strings"
)

// seqAttr is the attribute of the root element that holds the sequence of a
// signed document.
const seqAttr = "seq"

// withdrawnAttr says, if it is "true", that the signer takes back what the document
// says.
const withdrawnAttr = "withdrawn"

// rootAttrs stand on every root element that we write.
var rootAttrs = [...]Attr{{"xml:space", "preserve"}, {"xmlns:jxta", "http://jxta.org"}}

// reserved reports whether the codec, and not the advertisement, owns an
// attribute of the root element.
func reserved(name string) bool {
	return name == seqAttr || name == withdrawnAttr || name == rootAttrs[0].Name || name == rootAttrs[1].Name
}

// encode writes a tree as a document, with further attributes on its root. Errors
// wrap ErrTooLarge or ErrSyntax; the size of the whole is not checked.
func encode(e *Element, attrs ...Attr) ([]byte, error) {
	root := *e
	root.Attrs = append(append(rootAttrs[:len(rootAttrs):len(rootAttrs)], e.Attrs...), attrs...)
	if err := new(checker).tree(&root, 1); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE " + root.Name + ">\n")
	write(&b, &root, 0)
	return b.Bytes(), nil
}

// write puts out an element of a checked tree, with a tab for each level.
func write(b *bytes.Buffer, e *Element, level int) {
	indent := strings.Repeat("\t", level)
	b.WriteString(indent + "<" + e.Name)
	for _, a := range e.Attrs {
		b.WriteString(" " + a.Name + `="`)
		_, _ = attrEscaper.WriteString(b, a.Value) // a Buffer does not fail
		b.WriteString(`"`)
	}
	text := trim(e.Text)
	if text == "" && len(e.Children) == 0 {
		b.WriteString("/>\n")
		return
	}
	b.WriteString(">")
	_, _ = textEscaper.WriteString(b, text)
	if len(e.Children) > 0 {
		b.WriteString("\n")
		for _, c := range e.Children {
			write(b, c, level+1)
		}
		b.WriteString(indent)
	}
	b.WriteString("</" + e.Name + ">\n")
}

// JXTA's own parser knows these three names and character references. The white
// space that XML would change in reading is written as references.
var (
	textEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#13;")
	attrEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;",
		"\r", "&#13;", "\n", "&#10;", "\t", "&#9;")
)
