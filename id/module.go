package id

// ModuleClass is the ID of a kind of service, whoever implements it and however.
type ModuleClass struct{ p pair }

// ModuleSpec is the ID of one specification of a class: peers that follow the
// same one understand each other.
type ModuleSpec struct{ p pair }

// wellKnown is the UUID that the IDs of JXTA's own services begin with; the last
// byte numbers the service.
func wellKnown(service byte) UUID {
	return UUID{0xDE, 0xAD, 0xBE, 0xEF, 0xDE, 0xAF, 0xBA, 0xBA, 0xFE, 0xED, 0xBA, 0xBE, 15: service}
}

// The classes of JXTA's own services that occur in advertisements.
var (
	ClassGroup      = ModuleClass{pairOf(wellKnown(0x01), UUID{})}
	ClassResolver   = ModuleClass{pairOf(wellKnown(0x02), UUID{})}
	ClassDiscovery  = ModuleClass{pairOf(wellKnown(0x03), UUID{})}
	ClassPipe       = ModuleClass{pairOf(wellKnown(0x04), UUID{})}
	ClassMembership = ModuleClass{pairOf(wellKnown(0x05), UUID{})}
	ClassRendezvous = ModuleClass{pairOf(wellKnown(0x06), UUID{})}
	ClassPeerInfo   = ModuleClass{pairOf(wellKnown(0x07), UUID{})}
	ClassEndpoint   = ModuleClass{pairOf(wellKnown(0x08), UUID{})}
	ClassRelay      = ModuleClass{pairOf(wellKnown(0x0F), UUID{})}
)

// SpecStdGroup is the specification of an ordinary peer group with all services,
// which JXTA's own group advertisements name.
var SpecStdGroup = ModuleSpec{pairOf(wellKnown(0x01), UUID{0x03})}

// NewModuleClass draws the ID of a new class.
func NewModuleClass() ModuleClass { return ModuleClass{pairOf(random(), UUID{})} }

// NewModuleSpec draws the ID of a new specification of class c.
func NewModuleSpec(c ModuleClass) ModuleSpec { return ModuleSpec{pairOf(c.UUID(), random())} }

// ParseModuleClass reads the URN of a class. Errors wrap [ErrMalformed].
func ParseModuleClass(s string) (ModuleClass, error) { return parseAs[ModuleClass](s) }

// ParseModuleSpec reads the URN of a specification. Errors wrap [ErrMalformed].
func ParseModuleSpec(s string) (ModuleSpec, error) { return parseAs[ModuleSpec](s) }

// UUID returns the class.
func (v ModuleClass) UUID() UUID { return v.p.first() }

// Role returns the role within the class, zero for the class itself.
func (v ModuleClass) Role() UUID { return v.p.second() }

// Class returns the UUID of the class that is specified.
func (v ModuleSpec) Class() UUID { return v.p.first() }

// UUID returns the specification's own part.
func (v ModuleSpec) UUID() UUID { return v.p.second() }

// Kind returns KindModuleClass.
func (ModuleClass) Kind() Kind { return KindModuleClass }

// Kind returns KindModuleSpec.
func (ModuleSpec) Kind() Kind { return KindModuleSpec }

// String returns the URN.
func (v ModuleClass) String() string { return urn(v) }

// String returns the URN.
func (v ModuleSpec) String() string { return urn(v) }

// Bytes returns the binary form; see [ID].
func (v ModuleClass) Bytes() []byte { return encode(v.p[:], KindModuleClass) }

// Bytes returns the binary form; see [ID].
func (v ModuleSpec) Bytes() []byte { return encode(v.p[:], KindModuleSpec) }

// IsZero reports whether it is the null ID.
func (v ModuleClass) IsZero() bool { return v == ModuleClass{} }

// IsZero reports whether it is the null ID.
func (v ModuleSpec) IsZero() bool { return v == ModuleSpec{} }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v ModuleClass) MarshalText() ([]byte, error) { return []byte(urn(v)), nil }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v ModuleSpec) MarshalText() ([]byte, error) { return []byte(urn(v)), nil }

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *ModuleClass) UnmarshalText(b []byte) (err error) {
	*v, err = ParseModuleClass(string(b))
	return err
}

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *ModuleSpec) UnmarshalText(b []byte) (err error) {
	*v, err = ParseModuleSpec(string(b))
	return err
}
