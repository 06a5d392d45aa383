package bss

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/drover-hpc/drover/internal/fault"
	"github.com/drover-hpc/drover/internal/hsm"
	"github.com/drover-hpc/drover/internal/xname"
)

// maxName is the longest name of a host, in bytes.
const maxName = 253

// hostKey spells the name of a host, a role or a tag as its entry is kept, so
// that each spelling finds the same: an xname as HSM has it, a MAC in lower
// case with colons, nid<N> without zeros, a role or a tag with a meaning in the
// published spelling. Other tags stay as they are. ok is false for what is no
// name at all.
func hostKey(name string) (key string, ok bool) {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, breaksWord) {
		return "", false
	}
	if x := xname.Normalize(name); xname.TypeOf(x) != xname.Invalid {
		return x, true
	}
	if mac, ok := macKey(name); ok {
		return mac, true
	}
	if len(name) > len(nidPrefix) && strings.EqualFold(name[:len(nidPrefix)], nidPrefix) {
		if nid, err := strconv.ParseUint(name[len(nidPrefix):], 10, 31); err == nil {
			return nidName(int(nid)), true
		}
	}
	for _, word := range []string{DefaultHost, GlobalHost} {
		if strings.EqualFold(name, word) {
			return word, true
		}
	}
	if len(name) > len(unknownPrefix) && strings.EqualFold(name[:len(unknownPrefix)], unknownPrefix) {
		return unknownPrefix + name[len(unknownPrefix):], true
	}
	return hsm.SpellRole(name), true
}

// macKey spells a MAC address (of Ethernet, or a longer one) in lower case with
// colons; ok is false for what is none.
func macKey(mac string) (key string, ok bool) {
	var pairs [maxMAC*3 - 1]byte
	n := 0
	for i := 0; i < len(mac); i++ {
		c := mac[i]
		switch {
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		case 'A' <= c && c <= 'F':
			c += 'a' - 'A'
		case strings.IndexByte(macSeparators, c) >= 0:
			continue
		default:
			return "", false
		}
		if n%3 == 2 {
			if n+2 > len(pairs) {
				return "", false
			}
			pairs[n] = ':'
			n++
		}
		pairs[n] = c
		n++
	}
	if n != 6*3-1 && n != 8*3-1 && n != maxMAC*3-1 {
		return "", false
	}
	if key := pairs[:n]; string(key) != mac {
		return string(key), true
	}
	return mac, true
}

// macSeparators are those that hsm.MACID leaves out.
const macSeparators = ":-._"

// maxMAC is the number of bytes of the longest addresses, those of InfiniBand.
const maxMAC = 20

func breaksWord(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }

// keys spells each name by the rule, each once.
func keys(names []string, rule func(string) (string, bool), what, field string) ([]string, error) {
	out := make([]string, 0, len(names))
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		key, ok := rule(name)
		if !ok {
			return nil, fault.New(fault.Invalid, "%.260q is no %s - '%s'", name, what, field)
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out, nil
}

// nidNames are the names of the hosts with the NIDs.
func nidNames(nids []int) ([]string, error) {
	out := make([]string, len(nids))
	for i, nid := range nids {
		if nid < 0 {
			return nil, fault.New(fault.Invalid, "%d is no node ID: expected a number from 0 - 'nids'", nid)
		}
		out[i] = nidName(nid)
	}
	return out, nil
}
