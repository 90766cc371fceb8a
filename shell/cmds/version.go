package cmds

import (
	"cmp"
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// build is what is known of the program.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

var version = shell.Command{
	Name:  "version",
	Topic: topicSession,
	Short: "show the version of juxta",
	Long: `Shows the version, the revision it was built from, and what it was built with. With
--json it is an object with version, revision, time, modified, go and platform.`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(_ context.Context, c *shell.Call) error {
			b := thisBuild()
			if out.JSON {
				return c.Rows(out).Add(b)
			}
			dirty := ""
			if b.Modified {
				dirty = " (modified)"
			}
			revision := ""
			if b.Revision != "" {
				revision = " " + b.Revision[:min(12, len(b.Revision))] + dirty
			}
			return c.Printf("juxta %s%s, %s, %s\n", b.Version, revision, b.Go, b.Platform)
		}
	},
}

func thisBuild() build {
	b := build{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "(devel)" {
		b.Version = cmp.Or(info.Main.Version, b.Version)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}
