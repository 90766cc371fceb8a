package lab

import "github.com/juxta-p2p/juxta/shell"

// topicWorld is the heading of a world's commands in help.
const topicWorld = "world"

// commands are the commands that a world's script has beside the shell's.
func (w *World) commands() []shell.Command {
	return []shell.Command{w.nodeCommand(), w.onCommand(), expectCommand()}
}
