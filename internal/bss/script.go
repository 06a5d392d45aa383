package bss

import (
	"fmt"
	"strconv"
	"strings"
	"time"
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

// identity is what a kernel command line says of the host.
type identity struct {
	xname     string // empty: not said
	nid       int    // negative: not said
	token     string
	cloudInit string // base URL of the cloud-init data
}

// commandLine joins the parameters of host, kernel and initrd and adds what
// they do not say themselves about the host's identity.
func commandLine(parts []string, id identity) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	line := strings.Join(all, " ")
	add := func(name, value string) {
		if value != "" && !hasParameter(line, name) {
			line = strings.TrimPrefix(line+" "+name+value, " ")
		}
	}
	add("xname=", id.xname)
	if id.nid >= 0 {
		add("nid=", strconv.Itoa(id.nid))
	}
	add("bss_referral_token=", id.token)
	if id.cloudInit != "" {
		add("ds=", "nocloud-net;s="+id.cloudInit+"/")
	}
	return line
}

// hasParameter reports whether a word of the line begins with the name.
func hasParameter(line, name string) bool {
	return strings.HasPrefix(line, name) || strings.Contains(line, " "+name)
}

// initrdFirst has the line begin with the initrd's name in iPXE, in place of
// whatever initrd= it has. The original cuts at any text "initrd", also in the
// middle of another parameter, which nobody can want.
func initrdFirst(line string) string {
	words := strings.Split(line, " ")
	for i, w := range words {
		if strings.HasPrefix(w, "initrd=") {
			words = append(words[:i], words[i+1:]...)
			break
		}
	}
	return "initrd=initrd " + strings.Join(words, " ")
}

// signedParameters are those whose S3 URL the host fetches itself.
var signedParameters = []string{"metal.server=", "root=live:"}

// signParameters replaces the S3 URLs of these parameters by what sign makes
// of them; one that cannot be signed stays.
func signParameters(line string, sign func(s3URL string) (string, error)) (string, error) {
	if !strings.Contains(line, "s3://") {
		return line, nil
	}
	var failed error
	words := strings.Split(line, " ")
	for i, w := range words {
		for _, name := range signedParameters {
			if !strings.HasPrefix(w, name+"s3://") {
				continue
			}
			signed, err := sign(w[len(name):])
			if err != nil {
				failed = err
				continue
			}
			words[i] = name + signed
		}
	}
	return strings.Join(words, " "), failed
}
