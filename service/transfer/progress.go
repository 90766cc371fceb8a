package transfer

import "net"

// Progress is how far one file is.
type Progress struct {
	File *File
	Conn net.Conn
	// Checking says that Done counts bytes that are read and hashed, before or
	// instead of being sent.
	Checking bool
	Done     int64 // bytes, of File.Size
}
