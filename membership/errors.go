package membership

import "errors"

// Errors about groups, and about what one who wants to make or read something gave.
var (
	ErrNoRoot    = errors.New("the group has no root key")
	ErrPolicy    = errors.New("the group's advertisement says what cannot be about membership")
	ErrRole      = errors.New("no such role")
	ErrMethod    = errors.New("no such method of membership")
	ErrPassword  = errors.New("the password does not fit")
	ErrMalformed = errors.New("malformed")
	ErrTooLarge  = errors.New("too large")
	ErrToken     = errors.New("this is not an invitation")
	ErrFull      = errors.New("the group's ledger is full")
	ErrGuest     = errors.New("guests may not")
)

// Errors of who is not let in. ErrRefused is the one that says nothing more.
var (
	ErrRefused           = errors.New("not admitted")
	ErrNoCredential      = errors.New("no credential was shown")
	ErrForeign           = errors.New("the credential is of another group")
	ErrForged            = errors.New("the signature is not good")
	ErrIssuer            = errors.New("the issuer may not issue this")
	ErrSubject           = errors.New("the credential is somebody else's")
	ErrExpired           = errors.New("the credential has expired")
	ErrClock             = errors.New("this was issued in the future: one of the clocks is wrong")
	ErrRevoked           = errors.New("the membership has been revoked")
	ErrSpent             = errors.New("the invitation has been used as often as it may")
	ErrInvitationExpired = errors.New("the invitation has expired")
)

// codes are the numbers on the wire; the index is the number, so never change the
// order.
var codes = [...]error{
	nil,
	ErrRefused,
	ErrNoCredential,
	ErrForged,
	ErrForeign,
	ErrIssuer,
	ErrSubject,
	ErrMalformed,
	ErrExpired,
	ErrClock,
	ErrRevoked,
	ErrSpent,
	ErrInvitationExpired,
	ErrGuest,
	ErrFull,
}

// Code returns the number by which an error of this package crosses the wire. It never
// changes its meaning: 0 for nil, 1 for an error that has none of its own, then the
// number of the error that err wraps.
func Code(err error) uint32 {
	if err == nil {
		return 0
	}
	for code, e := range codes {
		if code > 1 && errors.Is(err, e) {
			return uint32(code)
		}
	}
	return 1
}

// FromCode is the inverse of [Code]: nil for 0, and [ErrRefused] for a number that
// this version does not know.
func FromCode(code uint32) error {
	if code < uint32(len(codes)) {
		return codes[code]
	}
	return ErrRefused
}
