package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// identityFile holds the private key, as PKCS #8 in PEM, in the peer's directory.
const identityFile = "identity.pem"

// newIdentity draws a key.
func newIdentity() (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	return key, err
}

// identity reads the key of the peer that lives in dir, or makes it the first
// time. Errors wrap [ErrIdentity], but for those of making it.
func identity(dir string) (crypto.PrivKey, error) {
	path := filepath.Join(dir, identityFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createIdentity(path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrIdentity, err)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w: %s can be read by others (mode %04o): make it private with chmod 600", ErrIdentity, path, info.Mode().Perm())
	}
	key, err := parseIdentity(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w: restore it from a copy, or move it away to become a new peer", ErrIdentity, path, err)
	}
	return key, nil
}

func parseIdentity(text []byte) (crypto.PrivKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the private key is damaged")
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("not an Ed25519 key")
	}
	return crypto.UnmarshalEd25519PrivateKey(key)
}

// createIdentity makes a key and writes it so that a crash leaves all or nothing
// of it, and that a file which appears meanwhile is not replaced.
func createIdentity(path string) (crypto.PrivKey, error) {
	key, err := newIdentity()
	if err != nil {
		return nil, err
	}
	raw, err := key.Raw()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.PrivateKey(raw))
	if err != nil {
		return nil, err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), identityFile+".*") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err == nil {
		err = tmp.Sync()
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return nil, err
	}
	return key, syncDir(filepath.Dir(path))
}

// syncDir has the disk keep a directory's entries: without it a new file may be
// gone after a loss of power, and this peer would be another one.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && runtime.GOOS != "windows" {
		return err
	}
	return nil
}
