#!/bin/bash
# What Drover's nodes need beside livenet.

check() { return 255; } # only when asked for

depends() { echo livenet; }

install() {
    inst_hook cmdline 99 "$moddir/fetch.sh"
    inst_hook pre-pivot 50 "$moddir/identity.sh"
    inst_simple "$moddir/initqueue.conf" /etc/systemd/system/dracut-initqueue.service.d/drover.conf
}
