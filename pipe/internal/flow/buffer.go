package flow

import (
	"slices"
	"sync"
)

// blockSize has room for the longest frame.
const blockSize = MaxFrame + maxHeader

// buffer holds what was appended and not acknowledged, in blocks, by its position in
// the session. It is plain state.
type buffer struct {
	blocks []*block
	sent   uint64 // what is before has been written to the stream
	end    uint64
}

// block is bytes that follow each other.
type block struct {
	start uint64
	data  []byte // its capacity is that of the block
}

func (b *block) end() uint64 { return b.start + uint64(len(b.data)) }

var blocks = sync.Pool{New: func() any { return &block{data: make([]byte, 0, blockSize)} }}

// room is how much may be added to the last block.
func (b *buffer) room() int {
	if len(b.blocks) == 0 {
		return 0
	}
	last := b.blocks[len(b.blocks)-1]
	return cap(last.data) - len(last.data)
}

// tail returns the last block, or a new one if it has no room for n bytes, of at most
// blockSize; grown takes what was appended to its data.
func (b *buffer) tail(n int) *block {
	if b.room() >= n {
		return b.blocks[len(b.blocks)-1]
	}
	k := blocks.Get().(*block)
	k.start, k.data = b.end, k.data[:0]
	b.blocks = append(b.blocks, k)
	return k
}

func (b *buffer) grown(k *block, data []byte) {
	b.end += uint64(len(data) - len(k.data))
	k.data = data
}

// unsent returns what comes next, as far as it lies together. It stays as it is until
// released.
func (b *buffer) unsent() []byte {
	for i := len(b.blocks) - 1; i >= 0; i-- {
		if k := b.blocks[i]; k.start <= b.sent {
			return k.data[b.sent-k.start:]
		}
	}
	return nil
}

// release gives back the memory of what is before a position, not more than was sent.
func (b *buffer) release(before uint64) {
	n := 0
	for n < len(b.blocks) && b.blocks[n].end() <= before {
		blocks.Put(b.blocks[n])
		n++
	}
	b.blocks = slices.Delete(b.blocks, 0, n)
}
