package sim

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestScripts(t *testing.T) {
	const retry = "\n:boot_retry\nsleep 30\nchain http://gw/next?retry=1\n"
	for _, c := range []struct {
		name, text string
		broken     string // URL that cannot be fetched
		want       outcome
		err        string
	}{
		{"boots", "#!ipxe\nkernel --name kernel http://s3/k a=1 b || goto boot_retry\ninitrd --name initrd http://s3/i || goto boot_retry\n" +
			"imgstat || echo none\nboot || goto boot_retry" + retry, "",
			outcome{boot: &loaded{"http://s3/k", "http://s3/i", "a=1 b"}}, ""},
		{"without initrd", "#!ipxe\nkernel http://s3/k\nboot\n", "", outcome{boot: &loaded{"http://s3/k", "", ""}}, ""},
		{"variables", "#!ipxe\nkernel http://s3/${buildarch}/k mac=${net0/mac} x=${nothing}.\nboot", "",
			outcome{boot: &loaded{"http://s3/x86_64/k", "", "mac=02:d0 x=."}}, ""},
		{"kernel missing", "#!ipxe\nkernel http://s3/k || goto boot_retry\nboot || goto boot_retry" + retry, "http://s3/k",
			outcome{chain: "http://gw/next?retry=1", pause: 30 * time.Second}, ""},
		{"initrd missing, nowhere to go", "#!ipxe\nkernel http://s3/k\ninitrd http://s3/i\nboot", "http://s3/i", outcome{}, "initrd: unreachable"},
		{"just a delay", "#!ipxe\nsleep 10\nchain http://gw/again", "", outcome{chain: "http://gw/again", pause: 10 * time.Second}, ""},
		{"unknown label", "#!ipxe\ngoto nowhere\n", "", outcome{}, `no label "nowhere"`},
		{"circle", "#!ipxe\n:a\ngoto a\n", "", outcome{}, "circles"},
		{"ends", "#!ipxe\necho hello\n", "", outcome{}, "without booting"},
		{"kernel without URL", "#!ipxe\nkernel\nboot\n", "", outcome{}, "names nothing for kernel"},
		{"quotes protect nothing", "#!ipxe\nkernel http://s3/k a=\"b c\" d\nboot", "", outcome{boot: &loaded{"http://s3/k", "", "a=\"b c\" d"}}, ""},
		{"a comment ends the line", "#!ipxe\nkernel http://s3/k a #b c\nboot", "", outcome{boot: &loaded{"http://s3/k", "", "a"}}, ""},
		{"no comment in a word", "#!ipxe\nkernel http://s3/k a=#b c\nboot", "", outcome{boot: &loaded{"http://s3/k", "", "a=#b c"}}, ""},
		{"a lone || ends the command", "#!ipxe\nkernel http://s3/k a || b c\nboot", "", outcome{boot: &loaded{"http://s3/k", "", "a"}}, ""},
		{"a lone && ends the command", "#!ipxe\nkernel http://s3/k a && boot b\n", "", outcome{boot: &loaded{"http://s3/k", "", "a"}}, ""},
		{"what follows && does not run after a failure", "#!ipxe\nkernel http://s3/k && boot || chain http://gw/again\n", "http://s3/k", outcome{chain: "http://gw/again"}, ""},
		{"operators in words are words", "#!ipxe\nkernel http://s3/k?a=1&&b a||b\nboot", "", outcome{boot: &loaded{"http://s3/k?a=1&&b", "", "a||b"}}, ""},
		{"variables are filled in after splitting", "#!ipxe\nkernel http://s3/k a=${words} b\nboot", "", outcome{boot: &loaded{"http://s3/k", "", "a=two || #words b"}}, ""},
		{"not a script", "<html>", "", outcome{}, "#!ipxe"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got outcome
			s, err := parseScript(c.text, map[string]string{"buildarch": "x86_64", "net0/mac": "02:d0", "words": "two || #words"})
			if err == nil {
				got, err = s.run(func(url string) error {
					if url == c.broken {
						return errors.New("unreachable")
					}
					return nil
				})
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || got.chain != c.want.chain || got.pause != c.want.pause || (got.boot == nil) != (c.want.boot == nil) {
				t.Fatalf("got %+v, %v; want %+v", got, err, c.want)
			}
			if got.boot != nil && *got.boot != *c.want.boot {
				t.Errorf("loaded %+v, want %+v", *got.boot, *c.want.boot)
			}
		})
	}
}
