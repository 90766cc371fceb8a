package membership

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// unmarshal reads a message whose bytes are signed as they stand. A field of it that
// may be there once must not be there twice: readers differ in which one they take.
func unmarshal(b []byte, m proto.Message) error {
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	fields := m.ProtoReflect().Descriptor().Fields()
	seen := map[protowire.Number]bool{}
	for len(b) > 0 {
		num, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return fmt.Errorf("%w: %w", ErrMalformed, protowire.ParseError(n))
		}
		b = b[n:]
		f := fields.ByNumber(num)
		if f == nil || f.IsList() {
			continue
		}
		// Of a oneof, too, only one may be there.
		if one := f.ContainingOneof(); one != nil {
			num = one.Fields().Get(0).Number()
		}
		if seen[num] {
			return fmt.Errorf("%w: field %s twice", ErrMalformed, f.Name())
		}
		seen[num] = true
	}
	return nil
}

// appendField writes a field of bytes, or nothing if there are none. What must be the
// same at everybody's, as its hash is taken, is written by this, in order of numbers:
// the protobuf library does not promise that.
func appendField(b []byte, num protowire.Number, value []byte) []byte {
	if len(value) == 0 {
		return b
	}
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, value)
}
