package load

import (
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// spawnTimeout bounds the start of a child, killDelay its end.
const (
	spawnTimeout = 30 * time.Second
	killDelay    = 5 * time.Second
)

// Where is where something can be reached. It is the first line that a child
// writes.
type Where struct {
	Addrs []string `json:"addrs"`          // as its system writes them
	Peer  string   `json:"peer,omitempty"` // URN; "" for baselines
}

// child is another process of ours, as we see it. It is for one goroutine.
type child struct {
	at    Where
	stdin io.WriteCloser
	in    *json.Encoder
	out   *json.Decoder
}

func newChild(stdin io.WriteCloser, stdout io.Reader) *child {
	return &child{stdin: stdin, in: json.NewEncoder(stdin), out: json.NewDecoder(stdout)}
}

// ask asks the child something, and waits for the answer. A child that is killed
// gives none.
func (c *child) ask(question, answer any) error {
	if err := c.in.Encode(question); err != nil {
		return fmt.Errorf("a child is gone: %w", err)
	}
	if err := c.out.Decode(answer); err != nil {
		return fmt.Errorf("a child does not answer: %w", err)
	}
	return nil
}

// end asks a child to end, and insists.
func end(cmd *exec.Cmd, c *child) {
	late := time.AfterFunc(killDelay, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = c.stdin.Close()
	_ = cmd.Wait()
}
