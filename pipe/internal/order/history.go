package order

// History keeps the last of what was sent, for those who have missed it. It is plain
// state.
type History struct {
	most  int // bytes
	base  uint64
	kept  []sent // from base on
	bytes int
	end   uint64 // bytes of all bodies ever sent
}

type sent struct {
	pack   []byte
	offset uint64 // bytes of all bodies before it
}

// NewHistory returns one that keeps so many bytes, and the last pack whatever its size.
func NewHistory(most int) *History { return &History{most: most} }

// Add takes the next pack; its body counts for offsets. The pack must not change any
// more. What is too old for it goes.
func (h *History) Add(pack []byte, body int) {
	h.kept = append(h.kept, sent{pack, h.end})
	h.end += uint64(body)
	h.bytes += len(pack)
	for h.bytes > h.most && len(h.kept) > 1 {
		h.drop()
	}
}

func (h *History) drop() {
	h.bytes -= len(h.kept[0].pack)
	h.kept[0] = sent{}
	h.kept = h.kept[1:]
	h.base++
}

// Base is the number of the first pack that is kept.
func (h *History) Base() uint64 { return h.base }

// Next is the number of the next pack.
func (h *History) Next() uint64 { return h.base + uint64(len(h.kept)) }

// Get returns a pack, or nil if it is not kept, or was never sent.
func (h *History) Get(n uint64) []byte {
	if n < h.base || n >= h.Next() {
		return nil
	}
	return h.kept[n-h.base].pack
}

// Offset is how many bytes the bodies before pack n have: at least so many, if it is
// not kept.
func (h *History) Offset(n uint64) uint64 {
	n = max(n, h.base)
	if n >= h.Next() {
		return h.end
	}
	return h.kept[n-h.base].offset
}

// Forget drops the packs before n.
func (h *History) Forget(n uint64) {
	for h.base < n && len(h.kept) > 0 {
		h.drop()
	}
	if len(h.kept) == 0 {
		h.kept = nil // a busy time is over
	}
}
