package bootline

import (
	"strconv"
	"strings"
)

// maxEnvironment is how many words NAME=VALUE that Linux does not know itself it
// hands on to init (CONFIG_INIT_ENV_ARG_LIMIT); with one more it does not
// start. Names with a dot are modules' and do not count.
const maxEnvironment = 32

// identityWords are those that Compose adds.
const identityWords = 4

// kernelsOwn are names of Linux's own parameters that boot lines have; a name
// that is missing here only makes a warning come early.
var kernelsOwn = words(`acpi apparmor audit audit_backlog_limit console crashkernel default_hugepagesz earlycon earlyprintk efi elevator
	hpet hugepages hugepagesz idle init initrd intel_idle intel_iommu intel_pstate iommu ip ipv6 isolcpus kvm-intel log_buf_len loglevel
	max_loop maxcpus mem memmap mitigations nfsroot nmi_watchdog nohz nohz_full nr_cpus numa numa_balancing oops page_poison panic pci
	pcie_aspm pcie_ports printk processor psi pti ramdisk_size rcu_nocbs rdinit reboot resume root rootdelay rootflags rootfstype rootwait
	security selinux slub_debug softlockup_panic spectre_v2 swiotlb transparent_hugepage tsc tsx udbg video vsyscall watchdog`)

func words(text string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// Crowded says that the parameters have too many words NAME=VALUE for Linux to
// start, as far as can be told; empty if not.
func Crowded(parameters string) string {
	n := 0
	for word := range strings.FieldsSeq(parameters) {
		if name, _, value := strings.Cut(word, "="); value && !strings.Contains(name, ".") && !kernelsOwn[name] {
			n++
		}
	}
	if n <= maxEnvironment-identityWords {
		return ""
	}
	return "the kernel parameters have " + strconv.Itoa(n) + " words NAME=VALUE that Linux seems not to know; with the " + strconv.Itoa(identityWords) +
		" that are added at a boot it does not start if there are more than " + strconv.Itoa(maxEnvironment)
}
