package id

// Pipe is the ID of a pipe: the UUID of its group and its own.
type Pipe struct{ p pair }

// NewPipe draws the ID of a new pipe in group g.
func NewPipe(g Group) Pipe { return Pipe{pairOf(g.UUID(), random())} }

// PipeOf returns the ID of the pipe of that name which owner offers in group g.
// It is always the same, so those who know the pipe find it again after its
// owner was restarted: the UUID is the first 16 bytes of SHA-256(group UUID ‖
// owner's UUID ‖ name). Ours.
func PipeOf(g Group, owner Peer, name string) Pipe {
	group, peer := g.UUID(), owner.UUID()
	return Pipe{pairOf(group, hashed(group[:], peer[:], []byte(name)))}
}

// ParsePipe reads the URN of a pipe. Errors wrap [ErrMalformed].
func ParsePipe(s string) (Pipe, error) { return parseAs[Pipe](s) }

// Group returns the UUID of the pipe's group.
func (v Pipe) Group() UUID { return v.p.first() }

// UUID returns the pipe's own part.
func (v Pipe) UUID() UUID { return v.p.second() }

// Kind returns KindPipe.
func (Pipe) Kind() Kind { return KindPipe }

// String returns the URN.
func (v Pipe) String() string { return urn(v) }

// Bytes returns the binary form; see [ID].
func (v Pipe) Bytes() []byte { return encode(v.p[:], KindPipe) }

// IsZero reports whether it is the null ID.
func (v Pipe) IsZero() bool { return v == Pipe{} }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v Pipe) MarshalText() ([]byte, error) { return []byte(urn(v)), nil }

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *Pipe) UnmarshalText(b []byte) (err error) {
	*v, err = ParsePipe(string(b))
	return err
}
