package store

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// longX is how long a value in the bucket "many" is, so that it takes several pages.
func longX() int { return os.Getpagesize() / 100 }

// sound returns a store's bytes: buckets with a tree of two levels, with long
// values, and with a few; and unused pages.
func sound(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sound")
	db := mustOpen(t, path)
	for i := range 300 {
		mustPut(t, db.Bucket("many"), fmt.Sprintf("%04d", i), strings.Repeat("x", longX()))
	}
	mustPut(t, db.Bucket("few"), "a", "b")
	mustPut(t, db.Bucket("few"), "c", "d")
	mustPut(t, db.Bucket("long"), "l", strings.Repeat("l", 2*os.Getpagesize()))
	mustFlush(t, db)
	for i := range 100 {
		if err := db.Bucket("many").Delete(fmt.Appendf(nil, "%04d", 2*i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSoundFileIsAccepted(t *testing.T) {
	if err := check(bytes.NewReader(sound(t)), os.Getpagesize()); err != nil {
		t.Error(err)
	}
}

func TestDamagedFile(t *testing.T) {
	good := sound(t)
	page := os.Getpagesize()
	noise := make([]byte, 4*page)
	rnd := rand.New(rand.NewPCG(5, 6))
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	path := filepath.Join(t.TempDir(), "db")
	for name, data := range map[string][]byte{
		"one byte":         {0},
		"text":             []byte("to be or not to be\n"),
		"noise":            noise,
		"zeros":            make([]byte, 4*page),
		"a page":           good[:page],
		"a page and some":  good[:page+100],
		"the heads":        good[:2*page],
		"cut off":          good[:len(good)/4],
		"a byte less":      good[:order.Uint64(newest(good)[40:])*uint64(page)-1],
		"zeros behind":     append(bytes.Clone(good[:2*page]), make([]byte, len(good)-2*page)...),
		"no heads":         append(make([]byte, 2*page), good[2*page:]...),
		"moved by a byte":  append([]byte{0}, good...),
		"of another order": swapped(good),
	} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, nil)
		if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move this file away") {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
			t.Errorf("%s: the file was changed, or %v", name, err)
		}
	}
	// What one is told to do helps.
	if err := os.Rename(path, path+".damaged"); err != nil {
		t.Fatal(err)
	}
	mustPut(t, mustOpen(t, path).Bucket("b"), "k", "v")
}

// newest returns the head that counts.
func newest(data []byte) []byte {
	m, err := (&checker{file: bytes.NewReader(data), pageSize: os.Getpagesize()}).meta()
	if err != nil {
		panic(err)
	}
	return m
}

// swapped exchanges the bytes of numbers, as if from a machine of another order.
func swapped(data []byte) []byte {
	data = bytes.Clone(data)
	for i := 0; i+4 <= len(data); i += 4 {
		data[i], data[i+1], data[i+2], data[i+3] = data[i+3], data[i+2], data[i+1], data[i]
	}
	return data
}

func TestWhatMustHangTogether(t *testing.T) {
	sound, page := sound(t), os.Getpagesize()
	offset := func(number []byte) int { return int(order.Uint64(number)) * page }
	head := newest(sound)
	root, free, pages := offset(head[16:]), offset(head[32:]), order.Uint64(head[40:])
	few, many := root+headerSize, root+headerSize+2*elementSize
	value := func(e int) int {
		return e + int(order.Uint32(sound[e+4:])) + int(order.Uint32(sound[e+8:]))
	}
	branch := offset(sound[value(many):])
	below := branch + headerSize + 8
	leaf := offset(sound[below:])
	key := leaf + headerSize + int(order.Uint32(sound[leaf+headerSize+4:]))

	small := value(few) + bucketSize + headerSize // its first element

	u16 := func(n uint16) []byte { return order.AppendUint16(nil, n) }
	u32 := func(n uint32) []byte { return order.AppendUint32(nil, n) }
	u64 := func(n uint64) []byte { return order.AppendUint64(nil, n) }
	inner := slices.Concat(make([]byte, bucketSize+8), u16(leafPage), make([]byte, 6))
	type patch struct {
		at   int
		data []byte
	}
	for name, damage := range map[string][]patch{
		"another page":              {{branch, u64(1)}},
		"of no type":                {{branch + 8, u16(0)}},
		"of two types":              {{branch + 8, u16(branchPage | leafPage)}},
		"a branch with nothing":     {{branch + 10, u16(0)}},
		"a leaf with nothing":       {{leaf + 10, u16(0)}},
		"too many elements":         {{leaf + 10, u16(0xFFFF)}},
		"longer than the file":      {{leaf + 12, u32(uint32(pages))}},
		"longer than there is room": {{leaf + 12, u32(1)}},
		"below itself":              {{below, sound[branch:][:8]}},
		"twice below":               {{below, sound[below+elementSize:][:8]}},
		"below is a head":           {{below, u64(1)}},
		"below is nothing":          {{below, u64(pages)}},
		"an empty key":              {{small + 8, u32(0)}},
		"a long key":                {{leaf + headerSize + 8, u32(1 << 31)}},
		"a value beyond the page":   {{leaf + headerSize + 12, u32(math.MaxUint32)}},
		"a key out of order":        {{key + 4 + longX(), []byte("!")}}, // the second
		"a key out of its place":    {{key, []byte("!")}},
		"a key within elements":     {{small + 4, u32(elementSize - 1)}},
		"a bucket in a bucket":      {{leaf + headerSize, u32(bucketElement)}, {key + 4, inner}},
		"a value among buckets":     {{few, u32(0)}},
		"a small bucket's page":     {{value(few) + bucketSize, u64(1)}},
		"a small bucket's type":     {{value(few) + bucketSize + 8, u16(branchPage)}},
		"a small bucket's size":     {{few + 12, u32(bucketSize)}},
		"a bucket's size":           {{few + 12, u32(bucketSize - 1)}},
		"no list":                   {{free + 8, u16(leafPage)}},
		"a long list":               {{free + 10, u16(0xFFFE)}},
		"a very long list":          {{free + 10, slices.Concat(u16(0xFFFF), u32(0), u64(1<<62))}},
		"a used one in the list":    {{free + headerSize, u64(uint64(leaf / page))}},
		"a head in the list":        {{free + headerSize, u64(0)}},
		"twice in the list":         {{free + headerSize, sound[free+headerSize+8:][:8]}},
		"beyond the end, in a list": {{free + headerSize, u64(pages)}},
	} {
		data := bytes.Clone(sound)
		for _, p := range damage {
			copy(data[p.at:], p.data)
		}
		if err := check(bytes.NewReader(data), page); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOneHeadIsEnough(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	for i := range 2 {
		data := sound(t)
		clear(data[i*os.Getpagesize()+headerSize:][:metaSize])
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		db := mustOpen(t, path)
		if n := len(contents(t, db.Bucket("many"))); n < 200 || n > 300 {
			t.Errorf("without head %d: %d pairs", i, n)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rehead makes the heads' checksums good, whatever else they say.
func rehead(data []byte) {
	for i := range 2 {
		if at := i*os.Getpagesize() + headerSize; at+metaSize <= len(data) {
			m := data[at:][:metaSize]
			order.PutUint32(m, metaMagic)
			order.PutUint32(m[4:], metaVersion)
			order.PutUint32(m[8:], uint32(os.Getpagesize()))
			sum := fnv.New64a()
			sum.Write(m[:56])
			order.PutUint64(m[56:], sum.Sum64())
		}
	}
}

// usable sees that a file either is refused, or works.
func usable(t *testing.T, path string, data []byte) (accepted bool) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, nil)
	if errors.Is(err, ErrCorrupt) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"many", "few", "long", "new"} {
		b := db.Bucket(name)
		err = errors.Join(err, b.Each(func(key, _ []byte) error {
			if key[len(key)-1]%2 == 0 {
				return b.Delete(key)
			}
			return b.Put(key, bytes.Repeat(key, 10))
		}))
		err = errors.Join(err, b.Put([]byte("new"), make([]byte, 5000)), db.Flush(t.Context()))
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatalf("was accepted, but: %v", err)
	}
	if db, err = Open(path, nil); err != nil {
		t.Fatalf("was accepted, written to, and then: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestDamagedFileIsRefusedOrWorks(t *testing.T) {
	good, page := sound(t), os.Getpagesize()
	path := filepath.Join(t.TempDir(), "db")
	rnd := rand.New(rand.NewPCG(7, 8))
	pages, accepted := len(good)/page, 0
	const rounds = 400
	for range rounds {
		data := bytes.Clone(good)
		switch at := rnd.IntN(pages) * page; rnd.IntN(5) {
		case 0: // a bit where the structure is
			data[at+rnd.IntN(64)] ^= 1 << rnd.IntN(8)
		case 1: // a bit anywhere
			data[rnd.IntN(len(data))] ^= 1 << rnd.IntN(8)
		case 2: // a page that was not written
			clear(data[at:][:page])
		case 3: // a page that stands for another
			copy(data[at+8:][:page-8], data[rnd.IntN(pages)*page:][8:])
		case 4: // a number that points elsewhere
			order.PutUint32(data[at+4*rnd.IntN(32):], rnd.Uint32N(2*uint32(pages)))
		}
		if rnd.IntN(2) == 0 {
			rehead(data)
		}
		if usable(t, path, data) {
			accepted++
		}
	}
	if accepted == 0 || accepted == rounds {
		t.Errorf("%d of %d were accepted", accepted, rounds)
	}
}

// TestFileThatIsCutShortInUse sees that a fault of the memory that the file is
// mapped to does not end the process.
func TestFileThatIsCutShortInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, sound(t), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
		t.Skip("not here: ", err)
	}
	b := db.Bucket("many")
	if err := b.Each(func(_, _ []byte) error { return nil }); !errors.Is(err, ErrCorrupt) {
		t.Errorf("each: %v", err)
	}
	mustPut(t, b, "k", "v")
	if err := db.Flush(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("flush: %v", err)
	}
	if err := db.Close(); !errors.Is(err, ErrCorrupt) {
		t.Errorf("close: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	good := sound(f)
	f.Add(uint32(0), []byte{}, uint32(0), []byte{})
	f.Add(uint32(2*os.Getpagesize()), []byte{2}, uint32(3*os.Getpagesize()+8), []byte{1})
	f.Fuzz(func(t *testing.T, at1 uint32, patch1 []byte, at2 uint32, patch2 []byte) {
		data := bytes.Clone(good)
		copy(data[int(at1)%len(data):], patch1)
		copy(data[int(at2)%len(data):], patch2)
		rehead(data)
		usable(t, filepath.Join(t.TempDir(), "db"), data)
	})
}
