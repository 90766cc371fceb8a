package cmds

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var script = shell.Command{
	Name:    "shell",
	Aliases: []string{"Shell"},
	Topic:   topicSession,
	Args:    "[ARG...]",
	Short:   "run a script in a shell of its own",
	Long: `Runs a file, a line, or what comes from standard input. The script sees the objects of
this session and the variables that are exported; its own variables, functions and working
directory end with it. Operands become $1, $2 and so on. The status is that of the script.

To run a file in this shell, so that its variables stay, use source.`,
	Example: `shell -f lobby.jx chess
shell -e 'cd /tmp; pwd'
echo 'echo hello' | shell`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		fs.SetInterspersed(false)
		name := fs.StringP("file", "f", "", "run a `file`")
		line := fs.StringP("execute", "e", "", "run a `line`")
		fs.BoolP("subshell", "s", false, "accepted, as JXTA had it: a script always has a shell of its own")
		fs.BoolP("no-rc", "x", false, "accepted, as JXTA had it: a script never reads juxtarc")
		return func(ctx context.Context, c *shell.Call) error {
			switch {
			case *name != "" && *line != "":
				return shell.Usagef("either -f or -e")
			case *line != "":
				return c.Script(ctx, "shell", strings.NewReader(*line), c.Args)
			case *name == "":
				return scriptFromStdin(ctx, c)
			}
			f, err := os.Open(c.Path(*name))
			if err != nil {
				return fmt.Errorf("%s: no such script", *name)
			}
			defer f.Close()
			return c.Script(ctx, *name, f, c.Args)
		}
	},
}

// scriptFromStdin runs standard input, which the commands in it must not read.
func scriptFromStdin(ctx context.Context, c *shell.Call) error {
	var src io.Reader = c.Stdin
	c.Stdin = nil
	return c.Script(ctx, "shell", src, c.Args)
}
