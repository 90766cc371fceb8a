package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The file as bbolt lays it out, in the machine's byte order (go.etcd.io/bbolt,
// internal/common). A page is a header, elements of 16 bytes, and what these point
// to; overflow says how many pages follow that belong to it.
//
//	page          id 8 · flags 2 · count 2 · overflow 4
//	meta          magic 4 · version 4 · page size 4 · flags 4 · root 8 · sequence 8 ·
//	              freelist 8 · pages 8 · transaction 8 · checksum 8
//	branch        offset from here 4 · key size 4 · page 8
//	leaf          flags 4 · offset from here 4 · key size 4 · value size 4
//	freelist      page 8, each; a count of 0xFFFF says that the first is the count
//	bucket        root 8 · sequence 8; without root its one page follows
const (
	headerSize  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64

	branchPage, leafPage, freelistPage = 1, 2, 16

	bucketElement = 1

	metaMagic, metaVersion = 0xED0CDAED, 2
)

var order = binary.NativeEndian

// checker walks the pages of a file, and remembers which it has seen: a page has one
// place. So it ends, whatever stands in the file.
type checker struct {
	file     io.ReaderAt
	pageSize int
	used     []bool // by page
}

// check reads a whole file. The error wraps ErrCorrupt, or is one of reading.
func check(file io.ReaderAt, pageSize int) error {
	c := &checker{file: file, pageSize: pageSize}
	if pageSize < headerSize+metaSize {
		return corrupt("pages of %d bytes", pageSize)
	}
	meta, err := c.meta()
	if err != nil {
		return err
	}
	pages := order.Uint64(meta[40:])
	if pages < 2 || pages > 1<<40/uint64(pageSize) {
		return corrupt("as many as %d pages", pages)
	}
	// What the file should have it must have, before memory is spent on it.
	if _, err := c.read(int64(pages)*int64(pageSize)-1, 1); err != nil {
		return err
	}
	c.used = make([]bool, pages)
	c.used[0], c.used[1] = true, true
	root, err := c.page(order.Uint64(meta[16:]))
	if err != nil {
		return err
	}
	if err := (&tree{checker: c}).walk(root, nil); err != nil {
		return err
	}
	return c.freelist(order.Uint64(meta[32:]))
}

// meta returns the newer one of those, of two, that are whole: the other one is of
// the transaction before, or was just being written when the machine died.
func (c *checker) meta() (newest []byte, err error) {
	for i := range 2 {
		m, err := c.read(int64(i*c.pageSize)+headerSize, metaSize)
		if err != nil {
			return nil, err
		}
		sum := fnv.New64a()
		sum.Write(m[:56])
		whole := order.Uint32(m) == metaMagic && order.Uint32(m[4:]) == metaVersion && order.Uint64(m[56:]) == sum.Sum64()
		if whole && (newest == nil || order.Uint64(m[48:]) > order.Uint64(newest[48:])) {
			newest = m
		}
	}
	if newest == nil {
		return nil, corrupt("no good head")
	}
	return newest, nil
}

func (c *checker) read(at int64, n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := c.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return nil, corrupt("cut off before byte %d", at+int64(n))
	}
	return b, err
}

// page reads a page with what belongs to it.
func (c *checker) page(id uint64) ([]byte, error) {
	if id >= uint64(len(c.used)) {
		return nil, corrupt("page %d of %d", id, len(c.used))
	}
	head, err := c.read(int64(id)*int64(c.pageSize), headerSize)
	if err != nil {
		return nil, err
	}
	if order.Uint64(head) != id {
		return nil, corrupt("page %d is another", id)
	}
	end := id + 1 + uint64(order.Uint32(head[12:]))
	for i := id; i < end; i++ {
		if err := c.use(i); err != nil {
			return nil, err
		}
	}
	return c.read(int64(id)*int64(c.pageSize), int(end-id)*c.pageSize)
}

func (c *checker) use(id uint64) error {
	if id >= uint64(len(c.used)) || c.used[id] {
		return corrupt("page %d of %d has two places, or none", id, len(c.used))
	}
	c.used[id] = true
	return nil
}

// tree is one B+ tree: that of the buckets, or one bucket's.
type tree struct {
	*checker
	isBucket bool
	last     []byte // key in a leaf; nil at first
}

// walk checks a page and those below it. Its first key is what the page above says,
// unless there is none: bbolt finds the place in the page above by it.
func (t *tree) walk(page, first []byte) error {
	id, flags := order.Uint64(page), order.Uint16(page[8:])
	count := int(order.Uint16(page[10:]))
	isRoot := first == nil
	isTree := flags == branchPage && count > 0 || flags == leafPage && (count > 0 || isRoot)
	if !isTree || headerSize+count*elementSize > len(page) {
		return corrupt("page %d: %d elements of type %d", id, count, flags)
	}
	element := t.leaf
	if flags == branchPage {
		element = t.branch
	}
	for i := range count {
		key, err := element(page[headerSize+i*elementSize:])
		if err == nil && i == 0 && !isRoot && !bytes.Equal(key, first) {
			err = corrupt("a key that is not in its place")
		}
		if err != nil {
			return fmt.Errorf("%w in page %d", err, id)
		}
	}
	return nil
}

func (t *tree) branch(e []byte) (key []byte, err error) {
	key, _, err = cut(e, order.Uint32(e), order.Uint32(e[4:]), 0)
	if err != nil {
		return nil, err
	}
	page, err := t.page(order.Uint64(e[8:]))
	if err != nil {
		return nil, err
	}
	return key, t.walk(page, key)
}

func (t *tree) leaf(e []byte) (key []byte, err error) {
	key, value, err := cut(e, order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:]))
	if err != nil {
		return nil, err
	}
	if t.last != nil && bytes.Compare(key, t.last) <= 0 {
		return nil, corrupt("keys out of order")
	}
	t.last = key
	switch flags := order.Uint32(e); {
	case flags == 0 && t.isBucket:
		return key, nil
	case flags == bucketElement && !t.isBucket:
		return key, t.bucket(value)
	}
	return nil, corrupt("a bucket where none can be, or none where one must be")
}

// bucket checks a bucket by what the tree of the buckets has of it.
func (c *checker) bucket(value []byte) error {
	if len(value) < bucketSize {
		return corrupt("a bucket of %d bytes", len(value))
	}
	t := &tree{checker: c, isBucket: true}
	if root := order.Uint64(value); root != 0 {
		page, err := c.page(root)
		if err != nil {
			return err
		}
		return t.walk(page, nil)
	}
	page := value[bucketSize:]
	if len(page) < headerSize || order.Uint64(page) != 0 || order.Uint16(page[8:]) != leafPage {
		return corrupt("a small bucket without its page")
	}
	return t.walk(page, nil)
}

// cut returns the key and the value that an element points to. There is no empty key.
func cut(element []byte, offset, keySize, valueSize uint32) (key, value []byte, err error) {
	start := uint64(offset)
	middle := start + uint64(keySize)
	end := middle + uint64(valueSize)
	if start < elementSize || keySize == 0 || end > uint64(len(element)) {
		return nil, nil, corrupt("an element that points nowhere")
	}
	return element[start:middle], element[middle:end], nil
}

// freelist checks the list of unused pages: a used one among them would be written
// over.
func (c *checker) freelist(id uint64) error {
	page, err := c.page(id)
	if err != nil {
		return err
	}
	ids := page[headerSize:]
	count := uint64(order.Uint16(page[10:]))
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if order.Uint16(page[8:]) != freelistPage || count > uint64(len(ids)/8) {
		return corrupt("page %d: a list of %d unused ones, of type %d", id, count, order.Uint16(page[8:]))
	}
	for ; count > 0; count-- {
		if err := c.use(order.Uint64(ids)); err != nil {
			return err
		}
		ids = ids[8:]
	}
	return nil
}
