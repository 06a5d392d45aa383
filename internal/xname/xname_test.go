package xname

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTypeOf(t *testing.T) {
	for name, want := range map[string]Type{
		"s0": System, "s1": Invalid, "x1000": Cabinet, "x10000": Invalid, "x1000c0": Chassis, "x1000c8": Invalid,
		"x1000c0b0": ChassisBMC, "x1000c0b1": Invalid, "x1000c0s7": ComputeModule, "x1000c0s7b1": NodeBMC,
		"x1000c0s7b1n1": Node, "x1000c0s7b1n0v2": VirtualNode, "x1000c0s7e0": NodeEnclosure, "x1000c0r3b0": RouterBMC,
		"x1000c0r3e0": HSNBoard, "x3000m0": PDUController, "x3000m0p0j1": PDUOutlet, "x3000m0p0v0": Invalid, "x3000c0w14": MgmtSwitch,
		"x3000c0h33s1": HLSwitch, "d0w1": CDUMgmtSwitch, "p1": Partition, "p1.2": Partition, "sms1": "SMSBox",
		"nid000001": Invalid, "": Invalid, "x": Invalid, "x1000c0s0b0n0!": Invalid, "x9999c9s0b0n0": Invalid, "all": "All", "p1.": Invalid, "p1.x": Invalid, "p01.02": Partition, "x3000c0w0": Invalid, "0x1": Invalid,
	} {
		if got := TypeOf(name); got != want {
			t.Errorf("TypeOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		" X1000C00S01B0N0 ": "x1000c0s1b0n0", "x0": "x0", "x00": "x0", "Some-Thing07": "some-thing07", "nid000012": "nid12", "x007c000s010": "x7c0s10", "x01-": "x01-", "01": "01", "": "",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}

// The types that the library of the published services knows, and a name of each.
func TestEveryPublishedTypeHasAName(t *testing.T) {
	for name, want := range map[string]Type{
		"x1000c0s0b0i0": "NodeBMCNic", "x1000c0s0b0i4": Invalid, "x1000c0r1b0i0": "RouterBMCNic", "x1000c0r1b0i4": Invalid,
		"x1000c0r1v1": "RouterPowerConnector", "x1000c0r1v3": Invalid, "x1000c0r1t0f0": "RouterTORFpga", "x1000c0r1t0f2": Invalid,
		"x1000c0b0i0": "ChassisBMCNic", "x1000c0b0i4": Invalid,
		"s0": System, "all": "All", "all_comp": "AllComp", "all_svc": "AllSvc", "p0": Partition, "p1.2": Partition, "sms0": "SMSBox",
		"d0": "CDU", "d0w1": CDUMgmtSwitch, "x1": Cabinet, "x1b0": "CabinetBMC", "x1e0": "CEC", "x1d0": "CabinetCDU",
		"x1m0": PDUController, "x1m0i0": "CabinetPDUNic", "x1m0p0": "CabinetPDU", "x1m0p0j1": PDUOutlet, "x1m0p0v1": PDUConnector,
		"x1c0": Chassis, "x1c0b0": ChassisBMC, "x1c0t9": "CMMRectifier", "x1c0f0": "CMMFpga", "x1c0s1": ComputeModule,
		"x1c0s1b0": NodeBMC, "x1c0s1b0f0": "NodeFpga", "x1c0s1b0n0": Node, "x1c0s1b0n0v1": VirtualNode, "x1c0s1b0n0p3": "Processor",
		"x1c0s1b0n0d7": "Memory", "x1c0s1b0n0a1": "NodeAccel", "x1c0s1b0n0r7": "NodeAccelRiser", "x1c0s1b0n0i3": "NodeNic",
		"x1c0s1b0n0h3": "NodeHsnNic", "x1c0s1b0n0g1": "StorageGroup", "x1c0s1b0n0g1k2": "Drive", "x1c0s1e0": NodeEnclosure,
		"x1c0s1e0t1": "NodeEnclosurePowerSupply", "x1c0s1j1": "NodePowerConnector", "x1c0r1": RouterModule, "x1c0r1b0": RouterBMC,
		"x1c0r1e0": HSNBoard, "x1c0r1a3": "HSNAsic", "x1c0r1a3l9": "HSNLink", "x1c0r1j1": "HSNConnector", "x1c0r1j1p2": "HSNConnectorPort",
		"x1c0r1f1": "RouterFpga", "x1c0r1t0": "RouterTOR", "x1c0w1": MgmtSwitch, "x1c0w1j1": "MgmtSwitchConnector",
		"x1c0h1": "MgmtHLSwitchEnclosure", "x1c0h1s9": HLSwitch,
	} {
		if got := TypeOf(name); got != want {
			t.Errorf("TypeOf(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestHardPartitionsLoseTheirZerosToo(t *testing.T) {
	for in, want := range map[string]string{"p01.2": "p1.2", "P1.02": "p1.2", "p00.00": "p0.0", "p1.": "p1.", "p1.x": "p1.x", "p01": "p1"} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOnlyCabinetsAndCDUsLieInTheSystem(t *testing.T) {
	for name, want := range map[string]string{"x1000": "s0", "d0": "s0", "d0w1": "d0", "sms0": "", "p0": "", "p1.2": "p1", "all": "",
		"all_comp": "", "all_svc": "", "s0": "", "nid000001": "", "x12345": "", "": ""} {
		if got := Parent(name); got != want {
			t.Errorf("Parent(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestParentChain(t *testing.T) {
	var chain []string
	for s := "x1c0s0b0n0"; s != ""; s = Parent(s) {
		chain = append(chain, s)
	}
	if got, want := strings.Join(chain, " "), "x1c0s0b0n0 x1c0s0b0 x1c0s0 x1c0 x1 s0"; got != want {
		t.Errorf("chain is %q, want %q", got, want)
	}
	if !Within("x1c0s0b0n0", "x1c0") || Within("x1c0s0b0n0", "x1c0s1") {
		t.Error("Within mistakes ancestors")
	}
	for _, malformed := range []string{"x-", "x1c0-", "-", "x1c0s0b0n0!"} {
		if Within(malformed, "x1c0") {
			t.Errorf("%q is not within x1c0", malformed)
		}
	}
}

func TestExpand(t *testing.T) {
	for in, want := range map[string]string{
		"x[0-2,5]c0": "x0c0 x1c0 x2c0 x5c0", "x1c[0-1]s[7,3]": "x1c0s3 x1c0s7 x1c1s3 x1c1s7", "a, b,,c": "a b c", "": "",
	} {
		got, err := Expand(in)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("Expand(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{"x[1", "x1]", "x[3-1]", "x[a]", "x[]", "x[0-99999999]", "x[0-9999]c[0-9999]", "x[0-1048575,0-1048575]", "x" + strings.Repeat("[1]", maxBrackets+1)} {
		if got, err := Expand(bad); err == nil {
			t.Errorf("Expand(%q) = %d names, want an error", bad, len(got))
		}
	}
}

func TestFold(t *testing.T) {
	for want, in := range map[string]string{
		"x1000c0s[0-7]b0n0":                   "x1000c0s[0-7]b0n0",
		"x1000c[0-1]s[0-7]b0n[0-1]":           "x1000c[0-1]s[0-7]b0n[0-1]",
		"x1000c0s[0-1]b0n0,x1000c0s2b0n[0-1]": "x1000c0s[0-1]b0n0,x1000c0s2b0n[0-1]",
		"x1000c0s[9-10]b0n0":                  "x1000c0s10b0n0,x1000c0s9b0n0,x1000c0s9b0n0",
		"node":                                "node",
		"":                                    "",
	} {
		names, err := Expand(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := Fold(names); got != want {
			t.Errorf("Fold(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestFoldThenExpandKeepsTheNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) string {
			d := func(label string, max int) int { return rapid.IntRange(0, max).Draw(t, label) }
			return fmt.Sprintf("x%dc%ds%db%dn%d", 1000+d("x", 1), d("c", 2), d("s", 11), d("b", 1), d("n", 1))
		}), rapid.ID[string]).Draw(t, "names")
		got, err := Expand(Fold(names))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		slices.Sort(names)
		if !slices.Equal(got, names) {
			t.Fatalf("Fold gave %q, which is %v", Fold(names), got)
		}
	})
}
