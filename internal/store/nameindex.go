package store

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
)

// NameIndex is an index of a Segment that tells which names are inside: the
// hashes of the names, each once, sorted, four bytes each.
func NameIndex(names []string) []byte {
	hashes := make([]uint32, len(names))
	for i, name := range names {
		hashes[i] = hashOf(name)
	}
	slices.Sort(hashes)
	hashes = slices.Compact(hashes)
	index := make([]byte, 0, 4*len(hashes))
	for _, h := range hashes {
		index = binary.BigEndian.AppendUint32(index, h)
	}
	return index
}

// MayHave returns what asks a NameIndex for the name. That an index has the
// hash of the name does not yet say that it has the name.
func MayHave(name string) func(index []byte) bool {
	hash := hashOf(name)
	return func(index []byte) bool {
		low, high := 0, len(index)/4
		for low < high {
			middle := (low + high) / 2
			switch at := binary.BigEndian.Uint32(index[4*middle:]); {
			case at == hash:
				return true
			case at < hash:
				low = middle + 1
			default:
				high = middle
			}
		}
		return false
	}
}

// hashOf is part of what is in databases: it must never change.
func hashOf(name string) uint32 { return crc32.ChecksumIEEE([]byte(name)) }
