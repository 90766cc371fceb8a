package peer

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

const (
	groupDir    = "groups"    // in the directory of a peer
	rootSuffix  = ".root.pem" // a root key; beside the .json with what this peer needs in a group
	groupSuffix = ".json"
	tmpSuffix   = ".tmp"
	maxHeld     = 1024 // groups that are kept,
	maxGranted  = 64   // and so many of them of strangers, who grant what nobody has asked for
)

// ErrKept: what is kept of a group cannot be used. It is never replaced.
var ErrKept = errors.New("unusable file of a group")

// held is what a peer keeps of a group, in a file that only its user can read.
type held struct {
	Advertisement []byte `json:"advertisement"` // signed envelope
	Parent        string `json:"parent"`        // URN
	Secret        []byte `json:"secret,omitempty"`
	Chain         []byte `json:"credential,omitempty"`
	Password      []byte `json:"password_key,omitempty"` // what it became, not the password
	Join          bool   `json:"join"`                   // when the peer starts
	Made          bool   `json:"made"`                   // by this peer
	Joined        bool   `json:"joined"`                 // at some time

	signed *adv.Signed
	chain  *membership.Chain
}

func (h *held) doc() *adv.Group { return h.signed.Advertisement().(*adv.Group) }

// check reads what is in it.
func (h *held) check() (err error) {
	if h.signed, err = adv.Open(h.Advertisement); err != nil {
		return err
	}
	if _, ok := h.signed.Advertisement().(*adv.Group); !ok {
		return errors.New("not the advertisement of a group")
	}
	if len(h.Chain) > 0 {
		h.chain, err = membership.ParseChain(h.Chain)
	}
	return err
}

// vault keeps what a peer needs in its groups. Without a directory it keeps it for as long
// as the peer runs. Its owner brings the lock.
type vault struct {
	dir string // "": memory alone
	all map[id.Group]*held
	// roots are root keys of groups that were made without a directory.
	roots map[id.Group][]byte
}

// openVault reads what is kept in a peer's directory.
func openVault(dir string) (*vault, error) {
	v := &vault{all: map[id.Group]*held{}, roots: map[id.Group][]byte{}}
	if dir == "" {
		return v, nil
	}
	v.dir = filepath.Join(dir, groupDir)
	entries, err := os.ReadDir(v.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tmpSuffix) { // of a process that was killed
			_ = os.Remove(filepath.Join(v.dir, e.Name()))
		}
		if !strings.HasSuffix(e.Name(), groupSuffix) {
			continue
		}
		path := filepath.Join(v.dir, e.Name())
		h, err := readHeld(path)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w: restore it from a copy, or move it away to forget the group", ErrKept, path, err)
		}
		v.all[h.doc().GID] = h
	}
	return v, nil
}

func readHeld(path string) (*held, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	h := new(held)
	if err := json.Unmarshal(text, h); err != nil {
		return nil, err
	}
	return h, h.check()
}

// readPrivate reads a file that others may not.
func readPrivate(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("it can be read by others (mode %04o): make it private with chmod 600", info.Mode().Perm())
	}
	return text, nil
}

func (v *vault) path(g id.Group, suffix string) string {
	u := g.UUID()
	return filepath.Join(v.dir, hex.EncodeToString(u[:])+suffix)
}

// put keeps a group.
func (v *vault) put(h *held) error {
	g := h.doc().GID
	if v.all[g] == nil && len(v.all) >= maxHeld {
		return fmt.Errorf("%d groups are kept, which is the limit", maxHeld)
	}
	if v.dir != "" {
		text, err := json.MarshalIndent(h, "", "\t")
		if err != nil {
			return err
		}
		if err := writePrivate(v.path(g, groupSuffix), append(text, '\n')); err != nil {
			return err
		}
	}
	v.all[g] = h
	return nil
}

// makeRoom sees that there is room for one more of a group that this peer was never in:
// what has expired goes, and then the oldest.
func (v *vault) makeRoom(now time.Time) error {
	n := 0
	var oldest *held
	var errs []error
	for g, h := range v.all {
		switch {
		case h.Made || h.Joined || h.chain == nil:
		case !now.Before(h.chain.Expires()):
			errs = append(errs, v.drop(g))
		default:
			n++
			if oldest == nil || h.chain.Issued().Before(oldest.chain.Issued()) {
				oldest = h
			}
		}
	}
	if n >= maxGranted {
		errs = append(errs, v.drop(oldest.doc().GID))
	}
	return errors.Join(errs...)
}

// drop forgets a group, but for its root key.
func (v *vault) drop(g id.Group) error {
	delete(v.all, g)
	if v.dir == "" {
		return nil
	}
	if err := os.Remove(v.path(g, groupSuffix)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// putRoot keeps a root key, as [membership.MarshalKey] writes it.
func (v *vault) putRoot(g id.Group, text []byte) error {
	if v.dir == "" {
		v.roots[g] = text
		return nil
	}
	return writePrivate(v.path(g, rootSuffix), text)
}

// root returns it, or an error that wraps fs.ErrNotExist.
func (v *vault) root(g id.Group) ([]byte, error) {
	if v.dir == "" {
		if text := v.roots[g]; text != nil {
			return text, nil
		}
		return nil, fs.ErrNotExist
	}
	return readPrivate(v.path(g, rootSuffix))
}

// writePrivate writes a file that only its user can read, in place of what was there: all
// or nothing of it, whatever happens.
func writePrivate(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, filepath.Base(path)+".*"+tmpSuffix) // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(text)
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
