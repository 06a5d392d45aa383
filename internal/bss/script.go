package bss

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/drover-hpc/drover/internal/bootline"
)

// script is all that one boot script says.
type script struct {
	kernel, initrd string // URLs that the host can fetch
	params         string
	retrySleep     time.Duration
	chain          string // URL to ask again at
}

// text is the script. The kernel's and initrd's names in iPXE are constant, so
// that initrd=initrd on the command line finds the one that was loaded.
func (s script) text() []byte {
	b := make([]byte, 0, len(s.kernel)+len(s.initrd)+len(s.params)+len(s.chain)+240)
	b = append(b, "#!ipxe\nkernel --name kernel "...)
	b = append(b, s.kernel...)
	b = append(b, ' ')
	b = append(b, s.params...)
	b = append(b, " || goto boot_retry\n"...)
	if s.initrd != "" {
		b = append(b, "initrd --name initrd "...)
		b = append(b, s.initrd...)
		b = append(b, " || goto boot_retry\nimgstat || echo Could not show image information.\n"...)
	}
	b = append(b, "boot || goto boot_retry\n:boot_retry\nsleep "...)
	b = strconv.AppendInt(b, int64(s.retrySleep/time.Second), 10)
	b = append(b, "\nchain "...)
	b = append(b, s.chain...)
	return append(b, "\n\n"...)
}

// chainScript only asks again, after the pause.
func chainScript(pause time.Duration, chain string) []byte {
	text := "#!ipxe\n"
	if pause > 0 {
		text += fmt.Sprintf("sleep %d\n", int64(pause/time.Second))
	}
	return []byte(text + "chain " + chain + "\n\n")
}

// signParameters replaces the S3 URLs that the host fetches itself by what sign
// makes of them; one that cannot be signed stays.
func signParameters(line string, sign func(s3URL string) (string, error)) (string, error) {
	if !strings.Contains(line, "s3://") {
		return line, nil
	}
	var failed error
	var b strings.Builder
	b.Grow(len(line) + signatureRoom)
	for at := 0; at < len(line); {
		end := at + strings.IndexByte(line[at:], ' ') + 1 // behind the blank
		if end == at {
			end = len(line)
		}
		word := strings.TrimSuffix(line[at:end], " ")
		for _, name := range bootline.SignedParameters {
			if !strings.HasPrefix(word, name+"s3://") {
				continue
			}
			signed, err := sign(word[len(name):])
			if err != nil {
				failed = err
				continue
			}
			b.WriteString(name)
			b.WriteString(signed)
			at += len(word)
		}
		b.WriteString(line[at:end])
		at = end
	}
	return b.String(), failed
}

// signatureRoom is about what one URL grows by when it is signed.
const signatureRoom = 384
