package bootline

import (
	"strings"
	"testing"
)

func TestIdentityStandsFirst(t *testing.T) {
	full := Identity{XName: "x1", NID: 4, Token: "tok", CloudInit: "http://ci"}
	const who = "xname=x1 nid=4 bss_referral_token=tok ds=nocloud-net;s=http://ci/"
	for name, tc := range map[string]struct {
		parts  []string
		id     Identity
		initrd bool
		want   string
	}{
		"everything":           {[]string{"a", "b", "c"}, full, true, "initrd=initrd " + who + " a b c"},
		"no initrd":            {[]string{"a"}, full, false, who + " a"},
		"nothing":              {nil, Identity{NID: -1}, false, ""},
		"no host parameter":    {[]string{"", "b", ""}, Identity{NID: 0}, false, "nid=0 b"},
		"only identity":        {[]string{""}, Identity{XName: "x1", NID: -1}, false, "xname=x1"},
		"said already":         {[]string{"ds=none xname=x9 bss_referral_token=mine nid=1"}, full, false, "ds=none xname=x9 bss_referral_token=mine nid=1"},
		"said in a word":       {[]string{"myxname=x9 cds=1"}, Identity{XName: "x1", NID: -1, CloudInit: "http://ci"}, false, "xname=x1 ds=nocloud-net;s=http://ci/ myxname=x9 cds=1"},
		"said after a tab":     {[]string{"a\txname=x9"}, Identity{XName: "x1", NID: -1}, false, "a\txname=x9"},
		"said without a value": {[]string{"xname= a"}, Identity{XName: "x1", NID: -1}, false, "xname=x1 a"},
		"an initrd of theirs":  {[]string{"a initrd=x b initrd=y"}, Identity{NID: -1}, true, "initrd=initrd a b initrd=y"},
		"initrd in a word":     {[]string{"noinitrd rd.initrd=1 url=http://h/initrd.img"}, Identity{NID: -1}, true, "initrd=initrd noinitrd rd.initrd=1 url=http://h/initrd.img"},
	} {
		if got := Compose(tc.parts, tc.id, tc.initrd); got != tc.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tc.want)
		}
	}
}

// Whatever is cut off, the node knows who it is.
func TestCutLeavesTheIdentity(t *testing.T) {
	id := Identity{XName: "x1000c0s0b0n0", NID: 1, Token: "9a0c9d0c-6c0e-4b52-a7a2-6a1b5d3f0a11", CloudInit: "http://10.92.100.71:8888"}
	line := Compose([]string{strings.Repeat("parameter=value ", 140)}, id, true)
	for _, uefi := range []bool{false, true} {
		got := Cut(line, uefi)
		for _, word := range []string{"xname=x1000c0s0b0n0", "nid=1", "bss_referral_token=" + id.Token} {
			if !strings.Contains(got+" ", word+" ") {
				t.Errorf("uefi %v: %q is lost", uefi, word)
			}
		}
		if uefi && (len(got) > EFILimit || !strings.HasSuffix(got, "parameter=value")) || !uefi && len(got) != BIOSLimit {
			t.Errorf("uefi %v: %d characters, ending %q", uefi, len(got), got[len(got)-20:])
		}
	}
	if short := "a b"; Cut(short, true) != short || Cut(short, false) != short {
		t.Error("a short line was cut")
	}
}

func TestEstimateCountsWhatIsAdded(t *testing.T) {
	if got := Estimate("quiet"); got != 5+153 {
		t.Errorf("quiet: %d", got)
	}
	if got := Estimate("root=live:s3://b/k quiet"); got != 24+153+340 {
		t.Errorf("a signed root: %d", got)
	}
	if Excess(Limit) != "" || !strings.Contains(Excess(Limit+1), "2029 characters") {
		t.Errorf("%q", Excess(Limit+1))
	}
}

func TestWhereScriptsEndTheLine(t *testing.T) {
	for parameters, want := range map[string]string{"a || b": "word '||'", "a && b": "word '&&'", "a #b": "word '#b'", `a="x #y"`: `word '#y"'`,
		"a||b c#d\te&&f é": "", "a=${hostname}": "or nothing", "a=$x a={b}": "", "t=${SPIRE_JOIN_TOKEN}": "", "$${SPIRE_JOIN_TOKEN}{a}": "or nothing", "": "", "a\nb": "character U+000A", "a\x00b": "character U+0000", "a\x7f": "character U+007F"} {
		if got := Broken(parameters); !strings.HasSuffix(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: %q, want %q", parameters, got, want)
		}
	}
}

func TestTooManyWordsThatLinuxDoesNotKnow(t *testing.T) {
	fine := strings.Repeat("site=1 ", 28) + strings.Repeat("console=ttyS0 rd.live.dir=x module.option=1 quiet ", 20)
	if got := Crowded(fine); got != "" {
		t.Error(got)
	}
	if got := Crowded(fine + "site=1"); !strings.Contains(got, "29 words") {
		t.Errorf("%q", got)
	}
}
