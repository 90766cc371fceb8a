package cmds

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/shell"
)

var importfile = shell.Command{
	Name:  "importfile",
	Topic: topicAdvertisements,
	Args:  "[FILE] [NAME]",
	Short: "read an object from a file",
	Long: `Reads what exportfile wrote, or any file, keeps it as an object, and prints its handle, or
gives it the handle NAME: a signed advertisement, an advertisement as XML, a message, or
otherwise the file's bytes, which cat prints and put adds to a message.`,
	Example: `data = importfile /etc/hostname
put msg host data`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		file := fs.StringP("file", "f", "", "the `FILE`")
		return func(_ context.Context, c *shell.Call) error {
			words := c.Args
			if *file != "" {
				words = append([]string{*file}, words...)
			}
			if len(words) != 1 && len(words) != 2 {
				return shell.Usagef("a file is wanted")
			}
			data, err := readFile(c.Path(words[0]))
			if err != nil {
				return err
			}
			kind, v := recognize(data)
			name := ""
			if len(words) == 2 {
				name = words[1]
			}
			obj, err := c.Session.Put(kind, name, v)
			if err != nil {
				return err
			}
			return c.Printf("%s\n", obj.Name)
		}
	},
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > message.MaxSize {
		err = fmt.Errorf("%s: longer than %d bytes", path, message.MaxSize)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// recognize finds out what a file holds, and the kind of its handle.
func recognize(data []byte) (kind string, v any) {
	if s, err := adv.Open(data); err == nil {
		return "adv", shell.Signed(s)
	}
	if a, err := adv.Parse(data); err == nil {
		return "adv", shell.Unsigned(a)
	}
	if m, err := message.Decode(data); err == nil && m.Len() > 0 {
		return "msg", &letter{m: m}
	}
	return "doc", data
}
