package cmds

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// job is a background command, as jobs lists it.
type job struct {
	Job     string `json:"job"`   // %1
	State   string `json:"state"` // running, or done
	Status  *int   `json:"status,omitempty"`
	Command string `json:"command"`
}

var jobs = shell.Command{
	Name:  "jobs",
	Topic: topicSession,
	Short: "list background commands",
	Long: `Lists the commands that were started with &: those that run, and the last that ended with
their exit status. With --json each line is an object with job, state, status and command.`,
	Example: `search -r -k pipe &
jobs
wait %1`,
	Local: true,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		return func(_ context.Context, c *shell.Call) error {
			rows := c.Rows(out, "JOB", "STATE", "COMMAND")
			for _, j := range c.Session.Jobs() {
				row := job{Job: fmt.Sprintf("%%%d", j.ID), State: "running", Command: j.Text}
				state := row.State
				select {
				case <-j.Done():
					status := j.Status()
					row.State, row.Status = "done", &status
					state = fmt.Sprintf("done %d", status)
				default:
				}
				if err := rows.Add(row, row.Job, state, row.Command); err != nil {
					return err
				}
			}
			return rows.Close()
		}
	},
}

func completeJobs(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	var list []shell.Suggestion
	for _, j := range s.Jobs() {
		list = append(list, shell.Suggestion{Text: fmt.Sprintf("%%%d", j.ID), Description: j.Text})
	}
	return list
}
