#!/bin/sh
# root.sh SUITE ARCH FILE: a small Debian with what drover calls, as a tar archive. It comes from
# where this machine has its packages, or else from Debian's own archive.
set -eu
suite=$1 arch=$2 file=$3
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' 'Origin: Debian' 'Component: main' 2>/dev/null |
	grep -E " $suite(-security)? main\$" | sort -u) || true
case "$sources" in
*" $suite main"*) ;;
*) sources="deb http://deb.debian.org/debian $suite main
deb http://deb.debian.org/debian-security $suite-security main" ;;
esac
echo "$sources" | mmdebstrap --quiet --variant=minbase --architectures="$arch" \
	--include=ansible-core,ca-certificates,git,git-lfs,openssh-client,squashfs-tools \
	--aptopt='APT::Install-Recommends "false"' \
	--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
	--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
	"$suite" "$file" -
