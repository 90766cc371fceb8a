package cmds

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// binding is a name in the session, as env lists it.
type binding struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"` // variable, exported, or the kind of an object
	Value string `json:"value"`
}

var env = shell.Command{
	Name:  "env",
	Topic: topicSession,
	Args:  "[NAME=VALUE... COMMAND [ARG...]]",
	Short: "list variables and objects",
	Long: `Lists the variables of the shell and the objects of the session with their kind:
"variable" or "exported" for variables, and for objects what they are, such as adv, group
or msg. With --json each line is an object with name, kind and value.

With operands it is the operating system's env.`,
	Example: `env | grep adv
env -q --objects`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		fs.SetInterspersed(false)
		out := shell.ListFlags(fs)
		objects := fs.BoolP("objects", "o", false, "list objects only")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) > 0 {
				return c.System(ctx, append([]string{"env"}, c.Args...)...)
			}
			rows := c.Rows(out, "NAME", "KIND", "VALUE")
			for _, b := range bindings(c, *objects) {
				if err := rows.Add(b, b.Name, b.Kind, b.Value); err != nil {
					return err
				}
			}
			return rows.Close()
		}
	},
}

func bindings(c *shell.Call, objectsOnly bool) []binding {
	var list []binding
	if !objectsOnly {
		for _, v := range c.Variables() {
			kind := "variable"
			if v.Exported {
				kind = "exported"
			}
			list = append(list, binding{v.Name, kind, v.Value})
		}
	}
	for _, obj := range c.Session.Objects() {
		value := ""
		if s, ok := obj.Value.(fmt.Stringer); ok {
			value = s.String()
		}
		list = append(list, binding{obj.Name, obj.Kind, value})
	}
	return list
}
