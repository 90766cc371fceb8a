package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// domain begins what is signed, so that nothing else a peer signs can be taken for
// a bundle.
const domain = "juxta-propagate"

// Seal makes a signed bundle of 1 to [MaxMessages] messages, which may be empty, to a
// topic, which may not. The key must be Ed25519; seq must grow with each bundle of
// that key, in nanoseconds of the author's clock. The bundle shares the memory of the
// messages. Errors wrap [ErrTooLarge] or [ErrMalformed].
func Seal(key crypto.PrivKey, g id.Group, topic string, seq uint64, messages [][]byte, hops uint32) (*wire.Bundle, error) {
	return SealUnder(nil, key, g, topic, seq, messages, hops)
}

// SealUnder does so, and has the cipher seal the messages if that has an epoch; it may be
// nil. Errors are the cipher's as well.
func SealUnder(c Cipher, key crypto.PrivKey, g id.Group, topic string, seq uint64, messages [][]byte, hops uint32) (*wire.Bundle, error) {
	if key.Type() != crypto.Ed25519 {
		return nil, fmt.Errorf("%w: key of type %s, not Ed25519", ErrMalformed, key.Type())
	}
	author, err := key.GetPublic().Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	b := &wire.Bundle{Author: author, Seq: seq, Topic: topic, Messages: messages, Hops: hops}
	if err := check(b); err != nil {
		return nil, err
	}
	if err := sealMessages(c, b); err != nil {
		return nil, err
	}
	if b.Signature, err = key.Sign(signed(g, b)); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return b, nil
}

// Opened is a bundle whose signature is good.
type Opened struct {
	Author   id.Peer
	Key      ed25519.PublicKey // the author's
	Seq      uint64            // nanoseconds of the author's clock, or little more
	Topic    string
	Count    int      // messages
	Messages [][]byte // shared with the bundle; none if they are sealed

	// Epoch is what the messages are sealed under, and Sealed is what Unseal opens. Both
	// nil: they are not sealed.
	Epoch, Sealed []byte
}

// Open checks a bundle of the group g. Errors wrap [ErrTooLarge], [ErrMalformed], or
// [ErrForged] if it is not the author who made it, or not for this group. That
// somebody sends it again is for [Seen] to find out.
func Open(g id.Group, b *wire.Bundle) (*Opened, error) {
	if err := check(b); err != nil {
		return nil, err
	}
	if n := len(b.GetSignature()); n != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: signature of %d bytes", ErrMalformed, n)
	}
	if !ed25519.Verify(b.Author, signed(g, b), b.Signature) {
		return nil, fmt.Errorf("%w: not signed by %s", ErrForged, Author(b))
	}
	return opened(b), nil
}

func opened(b *wire.Bundle) *Opened {
	o := &Opened{Author: Author(b), Key: b.GetAuthor(), Seq: b.GetSeq(), Topic: b.GetTopic(), Count: countOf(b)}
	if isSealed(b) {
		o.Epoch, o.Sealed = b.GetEpoch(), b.GetMessages()[0]
	} else {
		o.Messages = b.GetMessages()
	}
	return o
}

// Author returns whose bundle it says it is; it is so when [Open] takes it.
func Author(b *wire.Bundle) id.Peer { return id.PeerOf(id.Net, b.GetAuthor()) }

// check looks at all but the signature. It allows nothing to depend on what [ID]
// does not cover.
func check(b *wire.Bundle) error {
	err := checkMessages(b.GetMessages())
	if isSealed(b) {
		err = checkSealed(b)
	}
	switch n := len(b.GetTopic()); {
	case err != nil:
		return err
	case n > MaxTopic:
		return fmt.Errorf("%w: topic of %d bytes, limit %d", ErrTooLarge, n, MaxTopic)
	case n == 0 || !utf8.ValidString(b.Topic):
		return fmt.Errorf("%w: topic %q", ErrMalformed, b.GetTopic())
	case len(b.Author) != ed25519.PublicKeySize:
		return fmt.Errorf("%w: author's key of %d bytes", ErrMalformed, len(b.Author))
	}
	return nil
}

func checkMessages(messages [][]byte) error {
	total := 0
	for _, m := range messages {
		if len(m) > MaxMessage {
			return fmt.Errorf("%w: message of %d bytes, limit %d", ErrTooLarge, len(m), MaxMessage)
		}
		total += len(m)
	}
	switch n := len(messages); {
	case n > MaxMessages:
		return fmt.Errorf("%w: %d messages, limit %d", ErrTooLarge, n, MaxMessages)
	case total > MaxBundle:
		return fmt.Errorf("%w: messages of %d bytes, limit %d", ErrTooLarge, total, MaxBundle)
	case n == 0:
		return fmt.Errorf("%w: no messages", ErrMalformed)
	}
	return nil
}

// ID returns what a bundle is known by before it was opened; the package comment
// says what it covers, and why.
func ID(b *wire.Bundle) [sha256.Size]byte {
	h := newHasher()
	h.bundle(b)
	h.field(b.GetSignature())
	return h.sum()
}

// signed is what the author signs; the package comment has the layout.
func signed(g id.Group, b *wire.Bundle) []byte {
	h := newHasher()
	uuid := g.UUID()
	h.Write(uuid[:])
	h.bundle(b)
	sum := h.sum()
	return append([]byte(domain), sum[:]...)
}

// hasher hashes values in an encoding that can be read in one way only.
type hasher struct {
	hash.Hash
	number [8]byte // is here because it would be allocated anew for each message
}

func newHasher() *hasher { return &hasher{Hash: sha256.New()} }

// bundle hashes all that the author says.
func (h *hasher) bundle(b *wire.Bundle) {
	h.field(b.GetAuthor())
	h.Write(binary.BigEndian.AppendUint64(h.number[:0], b.GetSeq()))
	h.field([]byte(b.GetTopic()))
	h.length(len(b.GetMessages()))
	for _, m := range b.GetMessages() {
		h.field(m)
	}
	if isSealed(b) { // nothing else goes on here, so this is not what an unsealed one says
		h.field(b.GetEpoch())
		h.length(int(b.GetCount()))
	}
}

func (h *hasher) field(v []byte) {
	h.length(len(v))
	h.Write(v)
}

func (h *hasher) length(n int) {
	h.Write(binary.BigEndian.AppendUint32(h.number[:0], uint32(n)))
}

func (h *hasher) sum() (sum [sha256.Size]byte) {
	h.Sum(sum[:0])
	return sum
}
