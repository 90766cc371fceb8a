package group_test

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/juxta-p2p/juxta/membership"
)

// The wire format, by hand: a frame is its length and a protobuf message.

// text appends a field of bytes.
func text(b []byte, n protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// number appends a field with a number.
func number(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func frame(message []byte) []byte {
	return append(protowire.AppendVarint(nil, uint64(len(message))), message...)
}

// fields are those of a message: of bytes, and numbers.
type fields struct {
	texts   map[protowire.Number][]byte
	numbers map[protowire.Number]uint64
}

func parse(b []byte) (fields, error) {
	f := fields{map[protowire.Number][]byte{}, map[protowire.Number]uint64{}}
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return f, protowire.ParseError(size)
		}
		b = b[size:]
		switch kind {
		case protowire.BytesType:
			v, size := protowire.ConsumeBytes(b)
			if size < 0 {
				return f, protowire.ParseError(size)
			}
			f.texts[n], b = v, b[size:]
		case protowire.VarintType:
			v, size := protowire.ConsumeVarint(b)
			if size < 0 {
				return f, protowire.ParseError(size)
			}
			f.numbers[n], b = v, b[size:]
		default:
			return f, fmt.Errorf("a field of type %d", kind)
		}
	}
	return f, nil
}

// readFrame returns the bytes of a message.
func readFrame(r *bufio.Reader) ([]byte, error) {
	var size uint64
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return nil, err
		}
		size |= uint64(b&0x7f) << shift
		if b < 0x80 {
			break
		}
	}
	if size > 1<<20 {
		return nil, fmt.Errorf("a frame of %d bytes", size)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// closed is the protocol of all closed groups.
const closed = protocol.ID("/juxta/1/closed")

// knock is how a stream of a closed group begins: the tag of the two hosts, and a service.
func knock(secret []byte, from, at hostid.ID, service string) []byte {
	tag := membership.ServiceTag(secret, []byte(from), []byte(at))
	return knockBy(tag[:], service)
}

func knockBy(tag []byte, service string) []byte {
	return append(append(append([]byte{}, tag...), byte(len(service))), service...)
}

// readKnock returns the service that a stream asks for.
func readKnock(r io.Reader) (string, error) {
	var head [17]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	name := make([]byte, head[16])
	_, err := io.ReadFull(r, name)
	return string(name), err
}

// open has a host open a stream for a service of the group at another host.
func (s *siege) open(h host.Host, at hostid.AddrInfo, service string) network.Stream {
	s.t.Helper()
	if err := h.Connect(s.t.Context(), at); err != nil {
		s.t.Fatal(err)
	}
	st, err := h.NewStream(s.t.Context(), at.ID, closed)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = st.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := st.Write(knock(s.secret, h.ID(), at.ID, service)); err != nil {
		s.t.Fatal(err)
	}
	return st
}

// helloOf is the second message of a stream "hello".
func helloOf(envelope []byte) []byte { return frame(number(text(nil, 1, envelope), 2, 60_000)) }

// greet says hello with the bytes of a frame, and returns the message that answers it.
func (s *siege) greet(h host.Host, at hostid.AddrInfo, hello []byte) ([]byte, error) {
	s.t.Helper()
	st := s.open(h, at, "hello")
	defer st.Reset()
	r := bufio.NewReader(st)
	first, err := readFrame(r)
	if err != nil {
		return nil, fmt.Errorf("no proof: %w", err)
	}
	proof := membership.Proof(s.secret, []byte(h.ID()), []byte(at.ID))
	if f, err := parse(first); err != nil || string(f.texts[5]) != string(proof[:]) || len(f.texts) > 1 {
		s.t.Errorf("the proof: %+v, %v", f, err)
	}
	if _, err := st.Write(hello); err != nil {
		return nil, err
	}
	return readFrame(r)
}

// turnedAway has a host show alice a credential that does not let it in: it is told why,
// that is counted and logged, and nothing else answers to it.
func (s *siege) turnedAway(what string, h host.Host, credential []byte, want error) {
	s.t.Helper()
	before := s.ga.Stats()
	answer, err := s.greet(h, s.w.Info(s.alice), helloOf(s.shown(h, "mallory", credential).Envelope()))
	f, bad := parse(answer)
	switch {
	case err != nil || bad != nil:
		s.t.Errorf("%s: no answer: %v, %v", what, err, bad)
	case len(f.texts[1]) > 0:
		s.t.Errorf("%s: let in", what)
	case f.numbers[3] != uint64(membership.Code(want)):
		s.t.Errorf("%s: refused because %q, want %q", what, membership.FromCode(uint32(f.numbers[3])), want)
	}
	after := s.ga.Stats()
	if after.Refused != before.Refused+1 || after.Reasons[want.Error()] != before.Reasons[want.Error()]+1 {
		s.t.Errorf("%s: counted as %d and %v, before %d and %v", what, after.Refused, after.Reasons, before.Refused, before.Reasons)
	}
	if !s.journal.says("peer not admitted", h.ID().String(), want.Error()) {
		s.t.Errorf("%s: not logged with peer and reason", what)
	}
	if err := s.stranger(h.ID()); err != nil {
		s.t.Errorf("%s: %v", what, err)
	}
	s.shut(what, h)
}

// shut fails the test unless no service of alice answers a host.
func (s *siege) shut(what string, h host.Host) {
	s.t.Helper()
	for _, service := range []string{"resolver", "pipe", "ledger", "lease", "gossip", "search", "index", "peerview"} {
		st := s.open(h, s.w.Info(s.alice), service)
		_, _ = st.Write(frame(text(nil, 2, []byte("presence"))))
		if b, err := io.ReadAll(st); len(b) > 0 || err == nil || timedOut(err) {
			s.t.Errorf("%s: %s says %q, %v, want a reset", what, service, b, err)
		}
		_ = st.Reset()
	}
}
