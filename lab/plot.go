package lab

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/lab/internal/report"
	"github.com/juxta-p2p/juxta/shell"
)

var plotWord = shell.Command{
	Name: "plot", Args: "NAME",
	Short: "have figures drawn",
	Long: `Has the figures that are measured under NAME, before or after, drawn in the report that
juxta lab run --report writes. --by names the tags whose values tell groups apart.

- box: a box for the quartiles of each group, with its values as dots
- cdf: the share of values up to each value, a line a group
- line: the values over the time of the run, a line a group
- matrix: the median, or the rate, over two tags, of which the first makes the rows`,
	Example: `plot join --by nat
plot punched --kind matrix --by a --by b --title "Punched, of all pairs"`,
}

type plotVerb struct {
	noNames
	world *World
	spec  report.PlotSpec
}

func (v *plotVerb) flags(fs *pflag.FlagSet) {
	fs.StringVar(&v.spec.Kind, "kind", report.Box, "`KIND` is box, cdf, line or matrix")
	fs.StringSliceVar(&v.spec.By, "by", nil, "a `TAG`; may be repeated")
	fs.StringVar(&v.spec.Title, "title", "", "what stands above")
}

func (v *plotVerb) check(args, _ []string) error {
	if len(args) != 1 {
		return shell.Usagef("the name of figures is wanted")
	}
	v.spec.Name = args[0]
	if err := v.spec.Check(); err != nil {
		return shell.Usagef("%v", err)
	}
	return nil
}

func (v *plotVerb) run(context.Context, *shell.Call) error {
	v.world.mu.Lock()
	defer v.world.mu.Unlock()
	v.world.run.Plots = append(v.world.run.Plots, v.spec)
	return nil
}
