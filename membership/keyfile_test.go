package membership

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"testing"
)

func TestKeyFile(t *testing.T) {
	key := keyOf("root")
	plain := must(MarshalKey(key, nil))
	if got, err := ParseKey(plain, []byte("not needed")); err != nil || !got.Equal(key) {
		t.Errorf("%x, %v", got, err)
	}
	sealed := must(MarshalKey(key, []byte("secret")))
	if bytes.Equal(sealed, must(MarshalKey(key, []byte("secret")))) || bytes.Contains(sealed, []byte("PRIVATE")) {
		t.Errorf("sealed as %s", sealed)
	}
	if got, err := ParseKey(append([]byte("\n"), append(sealed, '\n')...), []byte("secret")); err != nil || !got.Equal(key) {
		t.Errorf("%x, %v", got, err)
	}
	for _, passphrase := range []string{"", "Secret"} {
		_, err := ParseKey(sealed, []byte(passphrase))
		wantErr(t, err, ErrPassword)
	}
	if _, err := MarshalKey(key[:63], nil); !errors.Is(err, ErrMalformed) {
		t.Errorf("wrote half a key: %v", err)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	sealed, _ := pem.Decode(must(MarshalKey(keyOf("root"), []byte("secret"))))
	file := func(kind string, b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}) }
	change := func(at int, v byte) []byte {
		b := slices.Clone(sealed.Bytes)
		b[at] = v
		return file(encryptedKeyType, b)
	}
	plain := must(MarshalKey(keyOf("root"), nil))
	other := must(x509.MarshalPKCS8PrivateKey(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))))
	headers := pem.EncodeToMemory(&pem.Block{Type: plainKeyType, Headers: map[string]string{"a": "b"}, Bytes: sealed.Bytes})
	for name, tt := range map[string]struct {
		text []byte
		want error
	}{
		"nothing":          {nil, ErrMalformed},
		"no PEM":           {[]byte("secret"), ErrMalformed},
		"too long":         {bytes.Repeat(plain, 100), ErrMalformed},
		"two keys":         {append(slices.Clone(plain), plain...), ErrMalformed},
		"headers":          {headers, ErrMalformed},
		"a certificate":    {file("CERTIFICATE", sealed.Bytes), ErrMalformed},
		"not PKCS #8":      {file(plainKeyType, sealed.Bytes), ErrMalformed},
		"another kind":     {file(plainKeyType, other), ErrMalformed},
		"another version":  {change(0, 2), ErrMalformed},
		"no passes":        {change(4, 0), ErrMalformed},
		"too many passes":  {change(1, 1), ErrMalformed},
		"too much memory":  {change(5, 1), ErrMalformed},
		"no threads":       {change(9, 0), ErrMalformed},
		"another time":     {change(4, 1), ErrPassword},
		"another salt":     {change(10, sealed.Bytes[10]+1), ErrPassword},
		"another seed":     {change(keyFileLen-20, sealed.Bytes[keyFileLen-20]+1), ErrPassword},
		"the same":         {change(0, 1), nil},
		"a byte too many":  {file(encryptedKeyType, append(slices.Clone(sealed.Bytes), 0)), ErrMalformed},
		"plain, truncated": {plain[:len(plain)-40], ErrMalformed},
	} {
		_, err := ParseKey(tt.text, []byte("secret"))
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	for i := range sealed.Bytes {
		if _, err := ParseKey(file(encryptedKeyType, sealed.Bytes[:i]), []byte("secret")); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d bytes: %v", i, err)
		}
	}
	for i := range len(plain) - 1 { // all but the last line end
		if _, err := ParseKey(plain[:i], nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("the first %d bytes of text: %v", i, err)
		}
	}
}
