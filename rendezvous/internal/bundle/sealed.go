package bundle

import (
	"crypto/ed25519"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// Cipher is what package rendezvous calls so.
type Cipher interface {
	Seal(plain, bound []byte) (epoch, sealed []byte, err error)
	Open(author ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error)
}

func isSealed(b *wire.Bundle) bool { return len(b.GetEpoch()) > 0 }

// countOf is how many messages a bundle says that it has.
func countOf(b *wire.Bundle) int {
	if isSealed(b) {
		return int(b.GetCount())
	}
	return len(b.GetMessages())
}

// sealMessages seals those of a bundle that was checked, unless there is no epoch. It does
// not change them: they are others' memory.
func sealMessages(c Cipher, b *wire.Bundle) error {
	if c == nil {
		return nil
	}
	plain, err := proto.Marshal(&wire.Messages{Messages: b.Messages})
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	epoch, sealed, err := c.Seal(plain, []byte(b.Topic))
	switch {
	case err != nil:
		return fmt.Errorf("seal: %w", err)
	case len(epoch) == 0:
		return nil
	}
	b.Epoch, b.Count, b.Messages = epoch, uint32(len(b.Messages)), [][]byte{sealed}
	return checkSealed(b)
}

// checkSealed looks at what stands for the messages.
func checkSealed(b *wire.Bundle) error {
	switch n := len(b.GetMessages()); {
	case len(b.GetEpoch()) > MaxEpoch:
		return fmt.Errorf("%w: epoch of %d bytes, limit %d", ErrTooLarge, len(b.GetEpoch()), MaxEpoch)
	case n != 1:
		return fmt.Errorf("%w: sealed, and in %d parts", ErrMalformed, n)
	case len(b.GetMessages()[0]) > MaxSealed:
		return fmt.Errorf("%w: sealed, of %d bytes, limit %d", ErrTooLarge, len(b.GetMessages()[0]), MaxSealed)
	case b.GetCount() > MaxMessages:
		return fmt.Errorf("%w: %d messages, limit %d", ErrTooLarge, b.GetCount(), MaxMessages)
	case b.GetCount() == 0:
		return fmt.Errorf("%w: no messages", ErrMalformed)
	}
	return nil
}

// Unseal returns the bundle with its messages as the author had them: itself if they are
// not sealed. They are held to the limits of any bundle, and to the number that the author
// has told those who cannot look. Errors wrap the cipher's, which may be nil, [ErrTooLarge]
// or [ErrMalformed].
func (o *Opened) Unseal(c Cipher) (*Opened, error) {
	if len(o.Epoch) == 0 {
		return o, nil
	}
	if c == nil {
		return nil, fmt.Errorf("%w: sealed, in a group where nothing is", ErrMalformed)
	}
	plain, err := c.Open(o.Key, o.Epoch, o.Sealed, []byte(o.Topic))
	switch {
	case err != nil:
		return nil, fmt.Errorf("epoch %x: %w", o.Epoch, err)
	case len(plain) > maxPlain:
		return nil, fmt.Errorf("%w: %d bytes were sealed, limit %d", ErrTooLarge, len(plain), maxPlain)
	}
	var m wire.Messages
	if err := proto.Unmarshal(plain, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if err := checkMessages(m.GetMessages()); err != nil {
		return nil, err
	}
	if n := len(m.GetMessages()); n != o.Count {
		return nil, fmt.Errorf("%w: %d messages were sealed, not %d", ErrMalformed, n, o.Count)
	}
	clear := *o
	clear.Epoch, clear.Sealed, clear.Messages = nil, nil, m.GetMessages()
	return &clear, nil
}

// Size is how many bytes the messages have, or what they are sealed in.
func (o *Opened) Size() int {
	n := len(o.Sealed)
	for _, m := range o.Messages {
		n += len(m)
	}
	return n
}
