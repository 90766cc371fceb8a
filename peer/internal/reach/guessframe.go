package reach

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// guessProtocol is what two peers talk by who guess a port.
const guessProtocol = "/juxta/1/guess"

// guessKind is what a frame says.
type guessKind byte

// The kinds, in the order in which they are said. The one behind the symmetric NAT (S) and
// the one whose port is known (P) both begin with a hello; whichever was asked may refuse.
const (
	guessHello  guessKind = 1 + iota // NAT, At: how others see the one who says it
	guessRefuse                      // Reason
	guessOpened                      // S: Count sockets have sent to P's address, and wait for Token
	guessHit                         // S: one has heard it; no more is needed
	guessSent                        // P: Count packets have gone out, and no more will
	guessEnd                         // S: Reason is guessOK if there is a direct connection
)

// guessReason says why nothing comes of a guess.
type guessReason byte

// The reasons.
const (
	guessOK guessReason = iota
	guessNotNow
	guessBothSymmetric
	guessNoneSymmetric
	guessUnclear
	guessUnseen
	guessSameNAT
	guessNoDirect
	guessFault
)

func (r guessReason) String() string {
	return [...]string{
		guessOK:            "no reason",
		guessNotNow:        "it has guessed enough for now, or does not know us",
		guessBothSymmetric: "both are behind symmetric NATs: two ports would have to be guessed at once",
		guessNoneSymmetric: "neither NAT is symmetric: there is nothing to guess",
		guessUnclear:       "it is unclear whose NAT is symmetric: too few have seen us",
		guessUnseen:        "nobody has seen both over UDP, at public IPv4 addresses",
		guessSameNAT:       "both are at the same address",
		guessNoDirect:      "no connection through the port that was hit",
		guessFault:         "a fault at the other",
	}[min(r, guessFault)]
}

// guessToken is what is listened for.
type guessToken [16]byte

// guessFrame is one sentence. All are of guessFrameSize bytes: the kind, the NAT, the
// reason, 0; the IPv4 address and the port; the count; the token.
type guessFrame struct {
	Kind   guessKind
	NAT    NAT
	Reason guessReason
	At     netip.AddrPort
	Count  int
	Token  guessToken
}

const guessFrameSize = 28

// guessNATs are the kinds by their numbers on the wire.
var guessNATs = [...]NAT{Unknown, None, Cone, Preserved, Mapped, Symmetric, Blocked}

var errGuessFrame = errors.New("no sentence of a guess")

func (f *guessFrame) append(b []byte) []byte {
	nat := byte(0)
	for i, n := range guessNATs {
		if n == f.NAT {
			nat = byte(i)
		}
	}
	ip := [4]byte{}
	if f.At.Addr().Is4() {
		ip = f.At.Addr().As4()
	}
	b = append(b, byte(f.Kind), nat, byte(f.Reason), 0)
	b = append(b, ip[:]...)
	b = binary.BigEndian.AppendUint16(b, f.At.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(f.Count))
	return append(b, f.Token[:]...)
}

func parseGuessFrame(b []byte) (*guessFrame, error) {
	if len(b) != guessFrameSize {
		return nil, fmt.Errorf("%w: %d bytes", errGuessFrame, len(b))
	}
	f := &guessFrame{Kind: guessKind(b[0]), Reason: guessReason(b[2]), Token: guessToken(b[12:])}
	if f.Kind < guessHello || f.Kind > guessEnd || int(b[1]) >= len(guessNATs) || f.Reason > guessFault || b[3] != 0 {
		return nil, fmt.Errorf("%w: % x", errGuessFrame, b[:4])
	}
	f.NAT = guessNATs[b[1]]
	f.At = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:])), binary.BigEndian.Uint16(b[8:]))
	f.Count = int(binary.BigEndian.Uint16(b[10:]))
	return f, nil
}

func readGuessFrame(r io.Reader) (*guessFrame, error) {
	var b [guessFrameSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, err
	}
	return parseGuessFrame(b[:])
}

func writeGuessFrame(w io.Writer, f *guessFrame) error {
	_, err := w.Write(f.append(nil))
	return err
}

// guessRole says who of two is behind the symmetric NAT: we, if it is our NAT that is
// harder to see through. Of a NAT that only one peer has looked at it is not known whether
// it is symmetric; one that changes the port may be, if a punch has failed.
func guessRole(ours, theirs NAT) (symmetric bool, why guessReason) {
	hardness := map[NAT]int{None: 1, Cone: 1, Preserved: 1, Mapped: 2, Symmetric: 3}
	a, b := hardness[ours], hardness[theirs]
	switch {
	case a == 0 || b == 0:
		return false, guessUnseen
	case a != b:
		return a > b, guessOK
	case ours == Symmetric:
		return false, guessBothSymmetric
	case ours == Mapped:
		return false, guessUnclear
	}
	return false, guessNoneSymmetric
}
