package cmds

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var man = shell.Command{
	Name:  "man",
	Topic: topicSession,
	Args:  "[COMMAND]",
	Short: "show a manual page",
	Long: `Shows the manual page of a command, as does the option -h of every command. With -k it
lists the commands whose page holds a word. Without an operand it is help.`,
	Example: `man grep
man -k pattern`,
	Local: true,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		word := fs.StringP("keyword", "k", "", "list the commands whose page holds `word`")
		return func(_ context.Context, c *shell.Call) error {
			switch {
			case *word != "":
				return searchPages(c, *word)
			case len(c.Args) == 0:
				return printTopics(c)
			case len(c.Args) > 1:
				return shell.Usagef("one command, please")
			}
			return page(c, c.Args[0])
		}
	},
	Complete: completeCommands,
}

func page(c *shell.Call, name string) error {
	if cmd, ok := c.Session.Command(name); ok {
		return c.Printf("%s", cmd.Man())
	}
	for _, k := range shell.Keywords() {
		if k.Text == name {
			return c.Printf("%s: %s; part of the language, as in any POSIX shell\n", k.Text, k.Description)
		}
	}
	return &shell.ExitError{
		Status: shell.StatusUnreachable,
		Err:    fmt.Errorf("%s: no such command; see help", name),
	}
}

func searchPages(c *shell.Call, word string) error {
	word = strings.ToLower(word)
	rows := c.Rows(new(shell.Output))
	found := false
	for _, cmd := range c.Session.Commands() {
		if strings.Contains(strings.ToLower(cmd.Man()), word) {
			found = true
			if err := rows.Add(nil, cmd.Name, cmd.Short); err != nil {
				return err
			}
		}
	}
	if !found {
		return &shell.ExitError{
			Status: shell.StatusUnreachable,
			Err:    fmt.Errorf("%s: nothing appropriate", word),
		}
	}
	return rows.Close()
}

func completeCommands(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	var list []shell.Suggestion
	for _, cmd := range s.Commands() {
		list = append(list, shell.Suggestion{Text: cmd.Name, Description: cmd.Short})
	}
	return list
}
