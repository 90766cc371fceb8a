package lab

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// topicWorld is the heading of a world's commands in help.
const topicWorld = "world"

// verb is one call of a world's command.
type verb interface {
	// flags declares its flags.
	flags(fs *pflag.FlagSet)
	// check says what is wrong with a call, as far as can be seen without a world.
	check(args, afterDash []string) error
	// names are the nodes and sites that it makes, and those that have to be there.
	names(args []string) (made, wanted []string)
	run(ctx context.Context, c *shell.Call) error
}

// words are the commands that a world's script has beside the shell's.
func (w *World) words() []word {
	return []word{
		{nodeWord, func() verb { return &nodeVerb{world: w} }},
		{onWord, func() verb { return &onVerb{world: w} }},
		{expectWord, func() verb { return &expectVerb{} }},
		{settleWord, func() verb { return &settleVerb{world: w} }},
		{measureWord, func() verb { return &measureVerb{world: w} }},
		{plotWord, func() verb { return &plotVerb{world: w} }},
		{resetWord, func() verb { return &resetVerb{world: w} }},
		{natWord, func() verb { return &natVerb{world: w} }},
		{linkWord, func() verb { return &linkVerb{world: w} }},
		{partitionWord, func() verb { return &cutVerb{world: w} }},
		{healWord, func() verb { return &cutVerb{world: w, heal: true} }},
		{killWord, func() verb { return &lifeVerb{world: w, cmd: "kill"} }},
		{restartWord, func() verb { return &lifeVerb{world: w, cmd: "restart"} }},
		{moveWord, func() verb { return &moveVerb{world: w} }},
		{readdressWord, func() verb { return &lifeVerb{world: w, cmd: "readdress"} }},
	}
}

// networked are the words that need a stage with a network of its own.
var networked = []string{"nat", "link", "partition", "heal", "kill", "restart", "move", "readdress"}

// told are the words that the story has as they stand. The others tell more.
var told = append([]string{"settle", "reset"}, networked...)

// word is a command of worlds: its manual page, and what makes a call of it.
type word struct {
	shell.Command
	make func() verb
}

// commands are the words as the shell takes them.
func (w *World) commands() (all []shell.Command) {
	for _, word := range w.words() {
		cmd := word.Command
		cmd.Topic = topicWorld
		cmd.New = func(fs *pflag.FlagSet) shell.RunFunc {
			v := word.make()
			v.flags(fs)
			return func(ctx context.Context, c *shell.Call) error {
				args := c.Args
				if c.Dash >= 0 {
					args = args[:c.Dash]
				}
				if err := v.check(args, c.AfterDash()); err != nil {
					return err
				}
				if slices.Contains(told, c.Name) {
					w.narrate("lab> " + strings.Join(append([]string{c.Name}, c.Words...), " "))
				}
				return v.run(ctx, c)
			}
		}
		all = append(all, cmd)
	}
	return all
}

// noFlags and noNames are for verbs that have none.
type (
	noFlags struct{}
	noNames struct{}
)

func (noFlags) flags(*pflag.FlagSet)                   {}
func (noNames) names([]string) (made, wanted []string) { return nil, nil }
