package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// lockWait is how long Open waits for somebody else to close the file: a process
// that is about to end, say.
const lockWait = time.Second

// What callers test for.
var (
	// ErrCorrupt: the file is damaged, or is something else.
	ErrCorrupt = errors.New("damaged, or not a store")
	// ErrLocked: somebody else has the file open.
	ErrLocked = errors.New("open elsewhere")
	// ErrSize: a name or a key that is empty, or one of them or a value beyond its
	// limit.
	ErrSize = errors.New("empty or too large")
)

// DB is an open file. Its methods, and those of its buckets, may be called
// concurrently.
type DB struct {
	path  string
	bolt  *bbolt.DB
	file  *os.File // what bolt works on
	queue *queue

	mu     sync.Mutex // guards what follows
	broken error      // wraps ErrCorrupt: bolt is in no state to go on

	writer sync.WaitGroup
	closed func() error
}

// Open opens the file, or makes it if there is none or an empty one, with mode 0600.
// The directory must be there. A nil log discards. It reads the whole file, and
// waits up to a second if somebody else has it open.
//
// The error wraps [ErrCorrupt] for a file that is damaged or no store, and says what
// to do; [ErrLocked]; or that of the operating system.
func Open(path string, log *slog.Logger) (*DB, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	db := &DB{path: path}
	if err := db.open(); err != nil {
		if errors.Is(err, ErrCorrupt) {
			err = fmt.Errorf("%w: move this file away to start with an empty one: what it kept is lost, the identity is not", err)
		}
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	db.queue = newQueue(db.write, log.With("file", path))
	db.closed = sync.OnceValue(db.close)
	db.writer.Go(db.queue.run)
	return db, nil
}

func (db *DB) open() error {
	info, err := os.Stat(db.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		if err := db.openBolt(false); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(db.path)); err != nil {
			return errors.Join(err, db.bolt.Close())
		}
		return nil
	}
	// Before bbolt believes what stands in the file we look at it. Opened for
	// reading only, bbolt locks the file and reads no more than its head.
	if err := db.openBolt(true); err != nil {
		return err
	}
	err = check(db.file, db.bolt.Info().PageSize)
	if err := errors.Join(err, db.bolt.Close()); err != nil {
		return err
	}
	return db.openBolt(false)
}

func (db *DB) openBolt(readOnly bool) error {
	err := guarded(func() (err error) {
		db.bolt, err = bbolt.Open(db.path, 0o600, &bbolt.Options{
			Timeout: lockWait, ReadOnly: readOnly, NoStatistics: true, FreelistType: bbolt.FreelistMapType,
			OpenFile: func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
				db.file, err = os.OpenFile(name, flag, mode)
				return db.file, err
			},
		})
		return err
	})
	_, ofFile := errors.AsType[*fs.PathError](err)
	_, ofSystem := errors.AsType[syscall.Errno](err)
	switch {
	case err == nil || ofFile || ofSystem:
		return err
	case errors.Is(err, bbolterrors.ErrTimeout):
		return ErrLocked
	case errors.Is(err, ErrCorrupt): // bbolt gave up halfway, and left it open
		return errors.Join(err, db.file.Close())
	}
	return corrupt("%v", err)
}

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w (%s)", ErrCorrupt, fmt.Sprintf(format, args...))
}

// syncDir has the disk keep a directory's entries: without it a new file may be
// gone after a loss of power.
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

// use does something with bolt, unless that is broken, and sees whether it breaks.
func (db *DB) use(do func() error) error {
	db.mu.Lock()
	err := db.broken
	db.mu.Unlock()
	if err != nil {
		return err
	}
	err = guarded(do)
	if errors.Is(err, ErrCorrupt) {
		db.mu.Lock()
		db.broken = err
		db.mu.Unlock()
	}
	return err
}

// guarded makes an ErrCorrupt of a panic. A file that was checked gives bbolt no
// reason for one; but it reads by way of memory, where a disk that fails, or a file
// that is cut short under our hands, is a fault.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = corrupt("%v", r)
		}
	}()
	return do()
}

// Flush waits until all that was queued before, in all buckets, is on disk. The
// error says why that could not be done: [ErrCorrupt] is for good, after any other
// the writes stay queued and are tried again. It wraps the context's error if that
// ends first, and [os.ErrClosed] after Close.
func (db *DB) Flush(ctx context.Context) error {
	if err := db.queue.flush(ctx); err != nil {
		return fmt.Errorf("store: flush: %w", err)
	}
	return nil
}

// Close writes what is queued, and returns when the file is closed. The error says
// why something was not written; closing again returns it again. Calls that come
// later, and those that wait for room in the queue, fail with [os.ErrClosed].
func (db *DB) Close() error {
	if err := db.closed(); err != nil {
		return fmt.Errorf("store: close %s: %w", db.path, err)
	}
	return nil
}

func (db *DB) close() error {
	db.queue.shut()
	db.writer.Wait()
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.broken != nil {
		// Who knows which locks bbolt still holds: its Close might wait for ever.
		return errors.Join(db.broken, db.file.Close())
	}
	return errors.Join(db.queue.failed, db.bolt.Close())
}
