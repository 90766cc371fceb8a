package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"
)

const (
	maxParts      = 64     // unfinished files of one name
	maxNamesakes  = 10_000 // files of one name
	lockAttempts  = 16
	fileMode      = 0o666 // less the umask
	hashBlockSize = 1 << 20
)

// part is a file that has not all come yet. It is ours alone as long as it is open.
type part struct {
	f    *os.File
	root *os.Root
	name string // of the part
	size int64
	hash hash.Hash // of the bytes that it has
}

// openPart opens the unfinished file of a clean name, or begins one.
func openPart(dir, name string) (*part, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	for n := range maxParts {
		f, err := lockPart(root, partName(name, n))
		if err != nil {
			return nil, errors.Join(err, root.Close())
		}
		if f != nil {
			return &part{f: f, root: root, name: partName(name, n), hash: sha256.New()}, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%d files of this name are being received", maxParts), root.Close())
}

// lockPart opens a part that nobody else has open, and returns nil if somebody has, or
// if it is no file.
func lockPart(root *os.Root, name string) (*os.File, error) {
	for range lockAttempts {
		if fi, err := root.Lstat(name); err == nil && !fi.Mode().IsRegular() {
			return nil, nil
		}
		f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE, fileMode)
		if err != nil {
			return nil, err
		}
		if lock(f) != nil {
			return nil, f.Close()
		}
		// Whoever had it before us may have given it its name meanwhile.
		fi, err := f.Stat()
		at, lerr := root.Lstat(name)
		if err == nil && lerr == nil && os.SameFile(fi, at) {
			return f, nil
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// load hashes what the part has, and is ready to go on behind it. A part that is
// longer than the file will be is emptied.
func (p *part) load(ctx context.Context, most int64, progress func(int64)) error {
	fi, err := p.f.Stat()
	if err != nil {
		return err
	}
	if fi.Size() > most {
		return p.empty()
	}
	p.size, err = copyHash(ctx, p.hash, p.f, progress)
	return err
}

// empty begins the part anew.
func (p *part) empty() error {
	p.hash.Reset()
	p.size = 0
	if err := p.f.Truncate(0); err != nil {
		return err
	}
	_, err := p.f.Seek(0, io.SeekStart)
	return err
}

func (p *part) write(b []byte) error {
	n, err := p.f.Write(b)
	p.hash.Write(b[:n])
	p.size += int64(n)
	return diskError(err)
}

func (p *part) sum() [sha256.Size]byte { return [sha256.Size]byte(p.hash.Sum(nil)) }

// finish gives a complete part its name, or the next one that is free, and returns
// that.
func (p *part) finish(name string, modified time.Time) (string, error) {
	if err := p.f.Sync(); err != nil {
		return "", diskError(err)
	}
	_ = p.root.Chtimes(p.name, time.Time{}, modified) // the sender's may be one that we cannot write
	for n := range maxNamesakes {
		target := numbered(name, n, 0)
		// An empty file of ours holds the name, so that renaming replaces no other.
		f, err := p.root.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", diskError(err)
		}
		err = errors.Join(f.Close(), p.root.Rename(p.name, target))
		if err != nil {
			return "", errors.Join(err, p.root.Remove(target))
		}
		p.syncDir()
		return target, nil
	}
	return "", fmt.Errorf("there are %d files of this name", maxNamesakes)
}

// syncDir makes the new name last. Some systems cannot, and need not.
func (p *part) syncDir() {
	if d, err := p.root.Open("."); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// drop throws the part away: it is of no use for another attempt.
func (p *part) drop() { _ = p.root.Remove(p.name) }

// close leaves the part for the next attempt, if there is anything in it.
func (p *part) close() {
	if fi, err := p.f.Stat(); err == nil && fi.Size() == 0 {
		if at, err := p.root.Lstat(p.name); err == nil && os.SameFile(fi, at) {
			p.drop()
		}
	}
	_ = p.f.Close()
	_ = p.root.Close()
}

// copyHash hashes what it reads until the end, or ctx's.
func copyHash(ctx context.Context, h hash.Hash, r io.Reader, progress func(int64)) (n int64, err error) {
	buf := make([]byte, hashBlockSize)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		k, err := r.Read(buf)
		h.Write(buf[:k])
		n += int64(k)
		if progress != nil && k > 0 {
			progress(n)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
