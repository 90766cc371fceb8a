package cmds

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// counts is what wc counts, in the order of printing.
type counts struct{ lines, words, bytes int64 }

var wc = shell.Command{
	Name:  "wc",
	Topic: topicText,
	Args:  "[OBJECT|FILE...]",
	Short: "count lines, words and bytes",
	Long: `Counts the lines, words and bytes of objects' documents, files, or standard input, with a
total if there are several.`,
	Example: `peers -r -q | wc -l`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		bytes := fs.BoolP("bytes", "c", false, "count bytes")
		lines := fs.BoolP("lines", "l", false, "count lines")
		words := fs.BoolP("words", "w", false, "count words")
		return func(_ context.Context, c *shell.Call) error {
			all := !*bytes && !*lines && !*words
			show := func(name string, n counts) error {
				text := column("", n.lines, all || *lines)
				text = column(text, n.words, all || *words)
				text = column(text, n.bytes, all || *bytes)
				if name != "-" {
					text += " " + name
				}
				return c.Printf("%s\n", text)
			}
			var total counts
			err := eachInput(c, c.Args, func(name string, r io.Reader) error {
				n, err := count(r)
				total = counts{total.lines + n.lines, total.words + n.words, total.bytes + n.bytes}
				return errors.Join(err, show(name, n))
			})
			if len(c.Args) > 1 {
				return errors.Join(err, show("total", total))
			}
			return err
		}
	},
}

// column adds a number to a line, if it is wanted.
func column(line string, n int64, wanted bool) string {
	if !wanted {
		return line
	}
	if line != "" {
		line += " "
	}
	return line + strconv.FormatInt(n, 10)
}

func count(r io.Reader) (counts, error) {
	var n counts
	inWord := false
	in := bufio.NewReader(r)
	for {
		char, size, err := in.ReadRune()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		n.bytes += int64(size)
		if char == '\n' {
			n.lines++
		}
		if space := unicode.IsSpace(char); !space && !inWord {
			n.words++
			inWord = true
		} else if space {
			inWord = false
		}
	}
}
