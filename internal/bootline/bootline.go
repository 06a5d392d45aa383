package bootline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// How many characters of the line arrive. Linux keeps BIOSLimit on x86 and
// arm64 (COMMAND_LINE_SIZE 2048 with the end mark) and cuts the rest in silence;
// booted by UEFI it gets EFILimit, cut at the end of a word.
const (
	BIOSLimit = 2047
	EFILimit  = 2028
)

// Limit is what arrives whichever way a node boots.
const Limit = min(BIOSLimit, EFILimit)

// Identity is what a line says of the node.
type Identity struct {
	XName     string // empty: not said
	NID       int    // negative: not said
	Token     string // BSS's referral token
	CloudInit string // base URL of the cloud-init data
}

// initrdName is how the initrd is called in the boot script.
const initrdName = "initrd=initrd"

// Compose joins the parameters and puts in front what they do not say
// themselves about who the node is, and before that the initrd's name in iPXE,
// if there is one, in place of the first initrd= that they have.
func Compose(parameters []string, id Identity, initrd bool) string {
	line := joined(parameters)
	words := make([]string, 0, 12) // names and values in turn
	if initrd {
		line = withoutInitrd(line)
		words = append(words, initrdName, "")
	}
	var nid [20]byte
	number := ""
	if id.NID >= 0 {
		number = string(strconv.AppendInt(nid[:0], int64(id.NID), 10))
	}
	cloud := ""
	if id.CloudInit != "" {
		cloud = "nocloud-net;s=" + id.CloudInit + "/"
	}
	for _, w := range [...]struct{ name, value string }{{"xname=", id.XName}, {"nid=", number}, {"bss_referral_token=", id.Token}, {"ds=", cloud}} {
		if w.value == "" {
			continue
		}
		line = without(line, w.name)
		if !says(line, w.name) {
			words = append(words, w.name, w.value)
		}
	}
	size := len(line)
	for _, w := range words {
		size += len(w) + 1
	}
	var b strings.Builder
	b.Grow(size)
	for i := 0; i < len(words); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[i])
		b.WriteString(words[i+1])
	}
	if line != "" {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// joined are the parameters that are not empty, with a blank between them.
func joined(parameters []string) (line string) {
	for _, p := range parameters {
		switch {
		case p == "":
		case line == "":
			line = p
		default:
			line += " " + p
		}
	}
	return line
}

// says reports whether a word of the line begins with the name.
func says(line, name string) bool {
	if !strings.Contains(line, name) {
		return false
	}
	for word := range strings.FieldsSeq(line) {
		if strings.HasPrefix(word, name) {
			return true
		}
	}
	return false
}

// without takes the name without a value out of the line, where it would
// outrank the value that stands first.
func without(line, name string) string {
	if !strings.Contains(line, name) || !slices.Contains(strings.Fields(line), name) {
		return line
	}
	return strings.Join(slices.DeleteFunc(strings.Fields(line), func(word string) bool { return word == name }), " ")
}

// withoutInitrd takes the first word away that names an initrd. (The original
// cuts at any text "initrd", also in the middle of another parameter, which
// nobody can want.)
func withoutInitrd(line string) string {
	if !strings.Contains(line, "initrd=") {
		return line
	}
	words := strings.Split(line, " ")
	for i, w := range words {
		if strings.HasPrefix(w, "initrd=") {
			return strings.Join(append(words[:i], words[i+1:]...), " ")
		}
	}
	return line
}

// Cut is what arrives of the line, by UEFI or by BIOS.
func Cut(line string, uefi bool) string {
	switch {
	case uefi && len(line) > EFILimit:
		cut := line[:EFILimit]
		if line[EFILimit] != ' ' { // in the middle of a word
			cut = cut[:strings.LastIndexByte(cut, ' ')+1]
		}
		return strings.TrimRight(cut, " ")
	case len(line) > BIOSLimit:
		return line[:BIOSLimit]
	}
	return line
}

// What a line grows by at a boot, about: the initrd's name, an xname of 16
// characters, a NID of six, a token and a cloud-init address; and the signature
// that an S3 URL gets which a node fetches itself.
const (
	aboutIdentity  = 153
	aboutSignature = 340
)

// SignedParameters are those whose S3 URL the node fetches itself.
var SignedParameters = []string{"metal.server=", "root=live:"}

// Estimate is about how long the line of the parameters will be.
func Estimate(parameters string) int {
	n := len(parameters) + aboutIdentity
	for word := range strings.FieldsSeq(parameters) {
		for _, name := range SignedParameters {
			if strings.HasPrefix(word, name+"s3://") {
				n += aboutSignature
			}
		}
	}
	return n
}

// Excess says what of a line will not arrive, empty if all does. It is about a
// line as Compose makes it, or of about that length.
func Excess(length int) string {
	if length <= Limit {
		return ""
	}
	return "the kernel command line is " + strconv.Itoa(length) + " characters long with what is added at a boot (who the node is, signatures of URLs): of more than " +
		strconv.Itoa(Limit) + " the end is cut off in silence"
}

// JoinToken stands for a SPIRE join token in kernel parameters.
const JoinToken = "${SPIRE_JOIN_TOKEN}"

// Broken says where a boot script would end the kernel's command line, or change it,
// empty if nowhere: at control characters, of which only a tab is a blank, and at words
// at which iPXE does, as quotes protect nothing there.
func Broken(parameters string) string {
	for _, r := range parameters {
		if unicode.IsControl(r) && r != '\t' {
			return fmt.Sprintf("the kernel command line has the control character %U", r)
		}
	}
	for word := range strings.FieldsSeq(parameters) {
		if word == "||" || word == "&&" || strings.HasPrefix(word, "#") {
			return fmt.Sprintf("iPXE ends the kernel command line at the word '%s'", word)
		}
		if strings.Contains(strings.ReplaceAll(word, JoinToken, ""), "${") {
			return fmt.Sprintf("iPXE puts a setting of its own into the word '%s', or nothing", word)
		}
	}
	return ""
}
