package cmds

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var exportfile = shell.Command{
	Name:  "exportfile",
	Topic: topicAdvertisements,
	Args:  "OBJECT",
	Short: "write an object to a file",
	Long: `Writes an object to a file, which must not exist unless -o says that it may be overwritten:
an advertisement as its XML, or with -s in its signed envelope, so that whoever imports it can
check who made it; a message in its binary form; anything else as cat prints it.`,
	Example: `exportfile -f moves.xml adv0
exportfile -s -f moves.adv adv0`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		file := fs.StringP("file", "f", "", "the `FILE`")
		signed := fs.BoolP("signed", "s", false, "an advertisement with its signature")
		overwrite := fs.BoolP("overwrite", "o", false, "replace the file if it exists")
		return func(_ context.Context, c *shell.Call) error {
			words := c.Args
			if *file == "" && len(words) == 2 { // JXTA's spelling: exportfile FILE OBJECT
				*file, words = words[0], words[1:]
			}
			if *file == "" || len(words) != 1 {
				return shell.Usagef("a file and an object are wanted")
			}
			data, err := exportable(c, words[0], *signed)
			if err != nil {
				return err
			}
			return writeFile(c.Path(*file), data, *overwrite)
		}
	},
}

// exportable is the form in which an object is written.
func exportable(c *shell.Call, word string, signed bool) ([]byte, error) {
	obj, err := c.Object(word)
	if err != nil {
		return nil, err
	}
	switch v := obj.Value.(type) {
	case *shell.Advertisement:
		if !signed {
			return v.Document()
		}
		if s := v.Signed(); s != nil {
			return s.Envelope(), nil
		}
		return nil, fmt.Errorf("%s: it is not signed; publish it first", word)
	case *letter:
		return v.message().AppendBinary(nil)
	}
	if signed {
		return nil, shell.Usagef("-s is for advertisements")
	}
	return c.Session.Document(obj)
}

func writeFile(path string, data []byte, overwrite bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if !overwrite {
		flags |= os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o666)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: there is such a file; -o replaces it", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path)) // half a file is worse than none
	}
	return nil
}
