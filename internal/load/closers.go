package load

import (
	"errors"
	"io"
)

// closers are closed together, the last first.
type closers struct{ all []io.Closer }

func (c *closers) add(one io.Closer) { c.all = append(c.all, one) }

// Close closes all, whatever some of them say.
func (c *closers) Close() error {
	var errs []error
	for len(c.all) > 0 {
		last := len(c.all) - 1
		errs = append(errs, c.all[last].Close())
		c.all = c.all[:last]
	}
	return errors.Join(errs...)
}
