#!/bin/sh
# The node's name is on the kernel command line, its name servers came by DHCP.
name=$(getarg xname=)
if [ -n "$name" ]; then
    echo "$name" >"$NEWROOT/etc/hostname"
    printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost\n' "$name" >"$NEWROOT/etc/hosts"
fi
[ ! -s /etc/resolv.conf ] || cat /etc/resolv.conf >"$NEWROOT/etc/resolv.conf"
