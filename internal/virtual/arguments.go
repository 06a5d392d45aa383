package virtual

import (
	"fmt"

	"github.com/drover-hpc/drover/internal/bmc"
)

// The descriptors that QEMU inherits.
const (
	consoleFile = 3
	monitorFile = 4
)

// bootRetry is the pause, in milliseconds, before firmware that found nothing
// to boot looks again.
const bootRetry = 10_000

// arguments are those of the QEMU process that is the node, which boots from
// target.
func (n *Node) arguments(target string) []string {
	o := &n.fleet.opts
	accel := "tcg,tb-size=128"
	cpu := "qemu64"
	if o.Accel == "kvm" {
		accel, cpu = "kvm", "host"
	}
	card := "virtio-net-pci,netdev=net0,mac=" + n.MAC()
	if target != bmc.Network {
		card += ",romfile=" // what firmware cannot boot from it does not try
	}
	return []string{
		"-name", n.xname, "-nodefaults", "-no-user-config", "-display", "none",
		// Without graphics the firmware, too, speaks on the serial line.
		"-machine", "pc,graphics=off", "-accel", accel, "-cpu", cpu, "-smp", fmt.Sprint(o.CPUs), "-m", fmt.Sprint(o.Memory),
		"-uuid", n.uuid(), "-smbios", "type=1,manufacturer=Drover,product=Virtual node,serial=" + n.serial(),
		"-boot", fmt.Sprintf("order=n,menu=off,reboot-timeout=%d", bootRetry),
		"-chardev", fmt.Sprintf("socket,id=console,fd=%d", consoleFile), "-serial", "chardev:console",
		"-chardev", fmt.Sprintf("socket,id=monitor,fd=%d", monitorFile), "-mon", "chardev=monitor,mode=control",
		"-netdev", n.fleet.network.argument(n.fleet.program, n.address(), n.fleet.sshPort, n.bootFile()),
		"-device", card, "-device", "virtio-rng-pci",
	}
}

// bootFile is what the DHCP server names: the node's boot script.
func (n *Node) bootFile() string {
	return n.fleet.site.Gateway + "/apis/bss/boot/v1/bootscript?mac=" + n.MAC()
}
