package membership

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// KDF is what Argon2id (RFC 9106) is run with. In an advertisement or a key file,
// which may be hostile, Time must be 1 to 16 passes, MemoryKiB 8,192 to 262,144 and
// Threads 1 to 16.
type KDF struct {
	Time      uint32
	MemoryKiB uint32
	Threads   uint8
}

// DefaultKDF is the second recommended option of RFC 9106: 3 passes over 64 MiB with
// 4 threads.
var DefaultKDF = KDF{Time: 3, MemoryKiB: 64 * 1024, Threads: 4}

var errKDF = errors.New("bad parameters of Argon2id")

// String returns the KDF as it stands in an advertisement: "argon2id;t=3;m=65536;p=4".
func (k KDF) String() string {
	return fmt.Sprintf("argon2id;t=%d;m=%d;p=%d", k.Time, k.MemoryKiB, k.Threads)
}

func parseKDF(s string) (k KDF, err error) {
	// What reads otherwise when it is written again had something around it.
	if _, err := fmt.Sscanf(s, "argon2id;t=%d;m=%d;p=%d", &k.Time, &k.MemoryKiB, &k.Threads); err != nil || k.String() != s {
		return KDF{}, fmt.Errorf("%w: %.64q", errKDF, s)
	}
	return k, k.check()
}

// check keeps whoever wrote the parameters from making the reader run out of time or
// memory.
func (k KDF) check() error {
	if k.Time < 1 || k.Time > 16 || k.MemoryKiB < 8<<10 || k.MemoryKiB > 256<<10 || k.Threads < 1 || k.Threads > 16 {
		return fmt.Errorf("%w: %s is out of bounds", errKDF, k)
	}
	return nil
}

func (k KDF) stretch(password, salt []byte, n uint32) []byte {
	return argon2.IDKey(password, salt, k.Time, k.MemoryKiB, k.Threads, n)
}
