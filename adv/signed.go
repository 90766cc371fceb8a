package adv

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strconv"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"

	"github.com/juxta-p2p/juxta/id"
)

// The domain and the payload type of our envelopes. Both are signed, so nobody
// can make an advertisement out of something else that a peer signed.
const (
	envelopeDomain = "juxta-advertisement"
	envelopeType   = "/juxta/advertisement"
)

// Signed is an advertisement as it travels: the document to the byte, and who
// stands by it. There is none whose signature is not good, and none that its
// signer may not make. It is immutable, and so must what it returns be treated;
// it is safe for concurrent use.
//
// On the wire it is a libp2p signed envelope (RFC 0002 of libp2p) of domain
// "juxta-advertisement" and payload type "/juxta/advertisement" whose payload is
// the XML. The root element has an attribute seq, decimal: of two documents
// about the same thing the higher one counts. If it has an attribute withdrawn, "true",
// nothing of it holds any more. The key is always Ed25519.
type Signed struct {
	adv      Advertisement
	doc      []byte // part of envelope
	envelope []byte
	key      crypto.PubKey
	signer   id.Peer
	host     peer.ID
	seq      uint64
	// withdrawn says that the signer takes back what it said.
	withdrawn bool
}

// Sign writes and signs an advertisement. By convention seq is the milliseconds
// of the signer's clock; it must grow with each new version. The key must be
// Ed25519. The result does not share memory with a. Errors wrap those of
// [Marshal], or [ErrForged] if the key may not sign a.
func Sign(key crypto.PrivKey, a Advertisement, seq uint64) (*Signed, error) {
	s, err := sign(key, a, Attr{seqAttr, strconv.FormatUint(seq, 10)})
	if err != nil {
		return nil, fmt.Errorf("adv: sign: %w", err)
	}
	return s, nil
}

// Withdraw signs that what a says does not hold any more: a newer version of it that
// takes back those before. Errors as for [Sign].
func Withdraw(key crypto.PrivKey, a Advertisement, seq uint64) (*Signed, error) {
	s, err := sign(key, a, Attr{seqAttr, strconv.FormatUint(seq, 10)}, Attr{withdrawnAttr, "true"})
	if err != nil {
		return nil, fmt.Errorf("adv: withdraw: %w", err)
	}
	return s, nil
}

func sign(key crypto.PrivKey, a Advertisement, attrs ...Attr) (*Signed, error) {
	doc, err := marshal(a, attrs...)
	if err != nil {
		return nil, err
	}
	env, err := record.Seal((*payload)(&doc), key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return newSigned(env)
}

// Open reads an envelope, verifies its signature, and checks that the signer may
// say what the document says. It does not keep the slice. Errors wrap those of
// [Parse], or [ErrForged].
func Open(envelope []byte) (*Signed, error) {
	s, err := open(envelope)
	if err != nil {
		return nil, fmt.Errorf("adv: open: %w", err)
	}
	return s, nil
}

func open(envelope []byte) (*Signed, error) {
	if len(envelope) > MaxEnvelope {
		return nil, fmt.Errorf("%w: envelope of %d bytes, limit %d", ErrTooLarge, len(envelope), MaxEnvelope)
	}
	// The typed way does not need libp2p's global registry of payload types.
	env, err := record.ConsumeTypedEnvelope(envelope, new(payload))
	switch {
	case errors.Is(err, record.ErrInvalidSignature):
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	case string(env.PayloadType) != envelopeType:
		return nil, fmt.Errorf("%w: payload type %q", ErrForged, env.PayloadType)
	}
	return newSigned(env)
}

// newSigned reads what is in an envelope with a good signature.
func newSigned(env *record.Envelope) (*Signed, error) {
	if env.PublicKey.Type() != crypto.Ed25519 {
		return nil, fmt.Errorf("%w: signed by a key that is not Ed25519", ErrInvalid)
	}
	raw, err := env.PublicKey.Raw()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	host, err := peer.IDFromPublicKey(env.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	s := &Signed{key: env.PublicKey, host: host, signer: id.PeerOf(id.Net, ed25519.PublicKey(raw))}
	if err := s.read(env.RawPayload); err != nil {
		return nil, err
	}
	// Written anew: protobuf has many encodings of the same envelope, and the
	// signature covers only what they mean.
	if s.envelope, err = env.Marshal(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	// An index holds very many of these: the document is not kept twice.
	at := bytes.Index(s.envelope, env.RawPayload)
	s.doc = s.envelope[at : at+len(env.RawPayload) : at+len(env.RawPayload)]
	return s, s.check(raw)
}

func (s *Signed) read(doc []byte) error {
	root, err := parse(doc)
	if err != nil {
		return err
	}
	seq, _ := root.Attr(seqAttr)
	if s.seq, err = strconv.ParseUint(seq, 10, 64); err != nil {
		return fmt.Errorf("%w: attribute %s is %q", ErrInvalid, seqAttr, seq)
	}
	withdrawn, _ := root.Attr(withdrawnAttr)
	s.withdrawn = withdrawn == "true"
	s.adv, err = fromElement(root)
	return err
}

// check refuses what the signer, who holds the key, may not say.
func (s *Signed) check(key ed25519.PublicKey) error {
	switch a := s.adv.(type) {
	case *Peer:
		return s.checkPeer(a.PID, a.Route)
	case *Rdv:
		return s.checkPeer(a.PID, a.Route)
	case *Group:
		if a.RootKey != nil && !a.RootKey.Equal(key) {
			return fmt.Errorf("%w: %s is not the root of group %q", ErrForged, s.signer, a.Name)
		}
	case *Pipe:
		if !a.Owner.IsZero() && a.Owner != s.signer {
			return fmt.Errorf("%w: %s is not the owner of pipe %q", ErrForged, s.signer, a.Name)
		}
	}
	return nil
}

func (s *Signed) checkPeer(pid id.Peer, r Route) error {
	if pid != s.signer {
		return fmt.Errorf("%w: %s speaks for %s", ErrForged, s.signer, pid)
	}
	if r.Host != s.host {
		return fmt.Errorf("%w: host %s speaks for host %q", ErrForged, s.host, r.Host)
	}
	return nil
}

// Advertisement returns what the document says.
func (s *Signed) Advertisement() Advertisement { return s.adv }

// XML returns the document, byte for byte as it was signed.
func (s *Signed) XML() []byte { return s.doc }

// Envelope returns the document with key and signature, for Open at another peer.
// The same Signed has the same bytes everywhere.
func (s *Signed) Envelope() []byte { return s.envelope }

// Seq returns the sequence.
func (s *Signed) Seq() uint64 { return s.seq }

// String names the document and its signer, for a log.
func (s *Signed) String() string {
	return fmt.Sprintf("%s %v, version %d of %v", s.adv.Type(), s.adv.ID(), s.seq, s.signer)
}

// Withdrawn reports whether the signer takes back what the document says.
func (s *Signed) Withdrawn() bool { return s.withdrawn }

// Signer returns the peer whose key signed, or would be: a group's root key need
// not be a peer's.
func (s *Signed) Signer() id.Peer { return s.signer }

// Host returns the libp2p ID of the signer.
func (s *Signed) Host() peer.ID { return s.host }

// Key returns the public key of the signer.
func (s *Signed) Key() crypto.PubKey { return s.key }

// Replaces reports whether s is a newer version of old: the same signer says, at
// a higher sequence, something of the same type about the same ID. Others may
// speak about that ID too, but they replace nothing.
func (s *Signed) Replaces(old *Signed) bool {
	return s.seq > old.seq && s.signer == old.signer &&
		s.adv.Type() == old.adv.Type() && s.adv.ID() == old.adv.ID()
}

// payload is the [record.Record] of a document.
type payload []byte

func (*payload) Domain() string                   { return envelopeDomain }
func (*payload) Codec() []byte                    { return []byte(envelopeType) }
func (p *payload) MarshalRecord() ([]byte, error) { return *p, nil }
func (p *payload) UnmarshalRecord(b []byte) error { *p = b; return nil }
