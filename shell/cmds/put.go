package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/shell"
)

var put = shell.Command{
	Name:  "put",
	Topic: topicPipes,
	Args:  "MSG TAG [DATA]",
	Short: "add an element to a message",
	Long: `Adds an element of that name to a message, after those that it has. Its data are DATA: text,
or the document of an object if it names one; without DATA, standard input, byte for byte. The
MIME type is text/plain for text and application/octet-stream otherwise, unless -m says.`,
	Example: `put msg move e2e4
put msg photo -m image/png <board.png`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		mime := fs.StringP("mime", "m", "", "the `TYPE` of the data")
		return func(_ context.Context, c *shell.Call) error {
			if len(c.Args) != 2 && len(c.Args) != 3 {
				return shell.Usagef("a message and the name of an element are wanted")
			}
			l, err := shell.Get[*letter](c, c.Args[0], "msg")
			if err != nil {
				return err
			}
			data, kind, err := elementData(c)
			if err != nil {
				return err
			}
			if *mime != "" {
				kind = *mime
			}
			return l.add(message.Element{Name: c.Args[1], MIME: kind, Data: data})
		}
	},
}

// add adds an element unless the message could not be sent with it.
func (l *letter) add(e message.Element) error {
	m := l.message()
	m.Add(e.Name, e.MIME, e.Data)
	if _, err := m.Buffers(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.m.Add(e.Name, e.MIME, e.Data)
	return nil
}

func elementData(c *shell.Call) (data []byte, mime string, err error) {
	if len(c.Args) == 2 {
		data, err = readAll(c, "-", message.MaxSize)
		return data, "", err
	}
	if obj, err := c.Object(c.Args[2]); err == nil {
		data, err = c.Session.Document(obj)
		return data, "", err
	}
	return []byte(c.Args[2]), textMIME, nil
}
