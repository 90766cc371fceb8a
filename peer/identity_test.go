package peer

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentityIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	first, err := identity(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, identityFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	again, err := identity(dir)
	if err != nil || !again.Equals(first) {
		t.Errorf("another key, or %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	other, err := identity(t.TempDir())
	if err != nil || other.Equals(first) {
		t.Errorf("the same key elsewhere, or %v", err)
	}
}

func TestIdentityThatCannotBeUsedIsRefusedAndLeftAlone(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good")
	if err := os.Mkdir(good, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := identity(good); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(good, identityFile))
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		text []byte
		mode os.FileMode
	}{
		"empty":            {nil, 0o600},
		"garbage":          {[]byte("garbage"), 0o600},
		"truncated":        {text[:len(text)-40], 0o600},
		"one byte flipped": {bytes.Replace(text, []byte("MC4C"), []byte("MC5C"), 1), 0o600},
		"wrong type":       {pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600},
		"wrong block":      {bytes.ReplaceAll(text, []byte("PRIVATE"), []byte("PUBLIC")), 0o600},
		"group may read":   {text, 0o640},
		"world may read":   {text, 0o604},
		"unreadable":       {text, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.mode == 0 && os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			path := filepath.Join(t.TempDir(), identityFile)
			if err := os.WriteFile(path, test.text, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := Start(t.Context(), &Config{Dir: filepath.Dir(path), Listen: []string{}}); !errors.Is(err, ErrIdentity) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v", err)
			}
			_ = os.Chmod(path, 0o600)
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, test.text) {
				t.Errorf("the file was changed, or %v", err)
			}
		})
	}
}

func TestIdentityThatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, identityFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := identity(dir); !errors.Is(err, ErrIdentity) {
		t.Error(err)
	}
	dir = t.TempDir()
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, identityFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := identity(dir); err == nil {
		t.Error("made an identity beside a link that leads nowhere")
	}
}

// What a crash while the file is written leaves behind is neither used nor in
// the way; and a file that came into being meanwhile wins.
func TestIdentityIsWrittenWhollyOrNotAtAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, identityFile+".123"), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := identity(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := createIdentity(filepath.Join(dir, identityFile)); err == nil {
		t.Error("an identity was replaced")
	}
	if again, err := identity(dir); err != nil || !again.Equals(first) {
		t.Errorf("another key, or %v", err)
	}
}
