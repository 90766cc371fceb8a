package membership

import "fmt"

// Role is what a member may do. A guest reads; a member publishes, binds and
// propagates too; an admin issues credentials, invites and revokes too. A higher one
// may all that a lower one may. 0 is no role.
type Role uint8

// The roles, with their numbers on the wire.
const (
	Guest  Role = 1
	Member Role = 2
	Admin  Role = 3
)

// String returns "guest", "member" or "admin", and "none" for what is no role.
func (r Role) String() string {
	switch r {
	case Guest:
		return "guest"
	case Member:
		return "member"
	case Admin:
		return "admin"
	}
	return "none"
}

func (r Role) valid() bool { return r >= Guest && r <= Admin }

// ParseRole is the inverse of String; "none" is no role. Errors wrap [ErrRole].
func ParseRole(s string) (Role, error) {
	for r := Guest; r <= Admin; r++ {
		if s == r.String() {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%w: %q, not guest, member or admin", ErrRole, s)
}

// Method is how one becomes a member without being asked for by name.
type Method string

// The methods, as they stand in advertisements.
const (
	Open     Method = "none"     // everybody is a member
	Password Method = "password" // who knows a password
	Invite   Method = "invite"   // who has an invitation
	Root     Method = "root"     // nobody: the root and its admins grant to whom they know
)

// ParseMethod reads a method. Errors wrap [ErrMethod].
func ParseMethod(s string) (Method, error) {
	switch m := Method(s); m {
	case Open, Password, Invite, Root:
		return m, nil
	}
	return "", fmt.Errorf("%w: %q, not none, password, invite or root", ErrMethod, s)
}
