package cmds

import (
	"fmt"
	"io"

	"github.com/juxta-p2p/juxta/shell"
)

// readAll reads what a word names, an object, a file or "-", of at most limit
// bytes.
func readAll(c *shell.Call, word string, limit int64) ([]byte, error) {
	r, err := c.Open(word)
	if err != nil {
		return nil, err
	}
	defer r.Close() // it was only read
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", word, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s: longer than %d bytes", word, limit)
	}
	return data, nil
}
