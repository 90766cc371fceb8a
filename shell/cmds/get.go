package cmds

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/shell"
)

// part is an element as get -l prints it.
type part struct {
	Name string `json:"name"`
	MIME string `json:"mime"`
	Size int    `json:"size"`
}

var get = shell.Command{
	Name:  "get",
	Topic: topicPipes,
	Args:  "MSG [TAG]",
	Short: "print an element of a message",
	Long: `Prints the data of the first element of that name: text as lines, anything else byte for
byte. The status is 1 if there is none. With -l it lists the elements: name, MIME type and
size in bytes; with --json each is an object with name, mime and size.`,
	Example: `get msg move
get -l msg`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		list := fs.BoolP("list", "l", false, "list the elements")
		return func(_ context.Context, c *shell.Call) error {
			want := 2
			if *list {
				want = 1
			}
			if len(c.Args) != want {
				return shell.Usagef("a message and the name of an element are wanted, or -l and a message")
			}
			l, err := shell.Get[*letter](c, c.Args[0], "msg")
			if err != nil {
				return err
			}
			if *list {
				return listElements(c, l.message(), out)
			}
			e, ok := l.message().Get(c.Args[1])
			if !ok {
				return fmt.Errorf("%s: %s has no such element; see get -l", c.Args[1], c.Args[0])
			}
			return writeElement(c.Stdout, e)
		}
	},
}

func listElements(c *shell.Call, m *message.Message, out *shell.Output) error {
	rows := c.Rows(out, "NAME", "TYPE", "SIZE")
	for e := range m.Elements() {
		if err := rows.Add(part{e.Name, mimeOf(e), len(e.Data)}, e.Name, mimeOf(e), fmt.Sprint(len(e.Data))); err != nil {
			return err
		}
	}
	return rows.Close()
}

// writeElement prints an element's data: text as lines, anything else to the byte.
func writeElement(w io.Writer, e message.Element) error {
	_, err := w.Write(e.Data)
	if err == nil && isText(e) && !bytes.HasSuffix(e.Data, []byte("\n")) {
		_, err = io.WriteString(w, "\n")
	}
	return err
}
