package sim

import "testing"

func TestAddressesAndNamesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for i := range 70_000 {
		for _, s := range []string{bmcXname(i), nodeMAC(i), bmcMAC(i), bmcAddress(i).String(), nodeAddress(i).String()} {
			if seen[s] {
				t.Fatalf("%s twice, at %d", s, i)
			}
			seen[s] = true
		}
		if bmcNet.Index(bmcAddress(i)) != i || nodeNet.Index(nodeAddress(i)) != i {
			t.Fatalf("address of %d leads elsewhere", i)
		}
	}
	for i, want := range map[int]string{0: "x1000c0s0b0", 7: "x1000c0s7b0", 8: "x1000c1s0b0", 64: "x1001c0s0b0"} {
		if got := bmcXname(i); got != want {
			t.Errorf("BMC %d is %s, want %s", i, got, want)
		}
	}
	if got := nodeXname(3, 2); got != "x1000c0s1b0n1" {
		t.Errorf("node 3 of two a BMC is %s", got)
	}
}
