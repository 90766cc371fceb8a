package transfer

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

const (
	maxName = 255 // bytes of a file name, on every file system that counts
	suffix  = ".part"
)

// CleanName is what remains of a name that a stranger has chosen: one file name,
// without a path, without control characters or any that do not show, without dots or
// spaces at its beginning or end, of at most 255 bytes; "file" if nothing does.
func CleanName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Trim(printable(name), ". ")
	if name == "" {
		return "file"
	}
	return strings.TrimRight(numbered(name, 0, 0), ". ") // which may end in the middle
}

// printable is a text without what does not show, or changes how the rest does.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n':
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, text)
}

// numbered is the n-th name beside a clean one, "name (1).ext", with room for so
// many more bytes.
func numbered(name string, n, room int) string {
	ext := filepath.Ext(name)
	if len(ext) > 32 {
		ext = "" // that is no extension, but a sentence
	}
	stem, number := strings.TrimSuffix(name, ext), ""
	if n > 0 {
		number = fmt.Sprintf(" (%d)", n)
	}
	stem = cut(stem, maxName-room-len(number)-len(ext))
	return stem + number + ext
}

// partName is where the n-th file of a name is kept until it is complete.
func partName(name string, n int) string {
	return "." + numbered(name, n, len(suffix)+1) + suffix
}
