package cmds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var help = shell.Command{
	Name:  "help",
	Topic: topicSession,
	Args:  "[COMMAND]",
	Short: "list the commands by topic",
	Long:  `Lists all commands with one line each. With an operand it is man.`,
	Local: true,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(_ context.Context, c *shell.Call) error {
			switch len(c.Args) {
			case 0:
				return printTopics(c)
			case 1:
				return page(c, c.Args[0])
			}
			return shell.Usagef("one command, please")
		}
	},
	Complete: completeCommands,
}

func printTopics(c *shell.Call) error {
	var b strings.Builder
	var topics []string
	byTopic := make(map[string][]*shell.Command)
	width := 0
	for _, cmd := range c.Session.Commands() {
		if !slices.Contains(topics, cmd.Topic) {
			topics = append(topics, cmd.Topic)
		}
		byTopic[cmd.Topic] = append(byTopic[cmd.Topic], cmd)
		width = max(width, len(cmd.Name))
	}
	for _, topic := range topics {
		fmt.Fprintf(&b, "%s\n", topic)
		for _, cmd := range byTopic[topic] {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, cmd.Name, cmd.Short)
		}
	}
	b.WriteString("language\n")
	var words []string
	for _, k := range shell.Keywords() {
		words = append(words, k.Text)
	}
	b.WriteString("  " + strings.Join(words, " ") + "\n")
	return c.Printf("%s", b.String())
}
