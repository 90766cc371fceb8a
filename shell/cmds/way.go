package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

// wayHelp is what the commands that open pipes say of --way.
const wayHelp = `With --way the pipe keeps to one kind of path: direct-only, never through a relay, for which it waits
until a hole is punched; or relay-only, through a relay that leads there already. route way says so for
all that goes between this peer and another.`

func wayFlag(fs *pflag.FlagSet) *string {
	return fs.String("way", string(pipe.AnyWay), "by which `WAY`: any, direct-only or relay-only")
}

// byWay has pipes that are opened with the context keep to a way.
func byWay(ctx context.Context, way string) (context.Context, error) {
	switch w := pipe.Way(way); w {
	case pipe.AnyWay, pipe.DirectOnly, pipe.RelayOnly:
		return pipe.WithWay(ctx, w), nil
	}
	return nil, shell.Usagef("--way %s: any, direct-only or relay-only are wanted", way)
}
