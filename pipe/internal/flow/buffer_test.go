package flow

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestBufferIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		var model []byte // all that was ever appended
		var b buffer
		released := uint64(0)
		for step := range 400 {
			switch r.IntN(5) {
			case 0, 1:
				p := make([]byte, 1+r.IntN([]int{10, 1000, blockSize}[r.IntN(3)]))
				for i := range p {
					p[i] = byte(r.Uint32())
				}
				k := b.tail(len(p))
				if seed%2 == 0 && r.IntN(10) == 0 {
					break // what was to be appended could not be encoded
				}
				b.grown(k, append(k.data, p...))
				model = append(model, p...)
			case 2:
				chunk := b.unsent()
				if len(chunk) == 0 && b.sent < b.end {
					t.Fatalf("seed %d, step %d: nothing to send at %d of %d", seed, step, b.sent, b.end)
				}
				if want := model[b.sent:][:len(chunk)]; !bytes.Equal(chunk, want) {
					t.Fatalf("seed %d, step %d: other bytes at %d", seed, step, b.sent)
				}
				b.sent += uint64(r.IntN(len(chunk) + 1))
			case 3:
				released += uint64(r.Int64N(int64(b.sent-released) + 1))
				b.release(released)
			case 4:
				b.sent = released + uint64(r.Int64N(int64(b.sent-released)+1))
			}
			if b.end != uint64(len(model)) {
				t.Fatalf("seed %d, step %d: it ends at %d, not %d", seed, step, b.end, len(model))
			}
			checkBlocks(t, &b, released, seed%2 != 0)
		}
	}
}

// checkBlocks checks that nothing is missing after what was released, and that no
// block was begun without need, unless what it was begun for has not come.
func checkBlocks(t *testing.T, b *buffer, released uint64, allCame bool) {
	t.Helper()
	at := b.end
	for i := len(b.blocks) - 1; i >= 0; i-- {
		k := b.blocks[i]
		if k.end() != at {
			t.Fatalf("block %d ends at %d, not %d", i, k.end(), at)
		}
		at = k.start
		if i > 0 && allCame && len(k.data) > 0 && len(k.data)+len(b.blocks[i-1].data) <= blockSize {
			t.Fatalf("blocks of %d and %d bytes", len(b.blocks[i-1].data), len(k.data))
		}
	}
	if at > released {
		t.Fatalf("%d to %d is missing", released, at)
	}
	if len(b.blocks) > 0 && b.blocks[0].end() <= released && len(b.blocks[0].data) > 0 {
		t.Fatalf("a block before %d was not released", released)
	}
}
