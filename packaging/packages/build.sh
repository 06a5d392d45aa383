#!/bin/sh
# build.sh VERSION OUT ARCH...: packages of the version in OUT, for each architecture. The directory holds nothing else
# afterwards. SOURCE_DATE_EPOCH is the time of every file. CONFIGURATION_NOTE is a comment at the end of drover.yaml: check.sh
# makes a version whose file is another one.
set -eu
version=$1 out=$2
shift 2
cd "$(dirname "$0")"
umask 022
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
PACKAGE_VERSION=$(./version.sh "$version" "$(git log -1 --format=%ct)" "$(git rev-parse HEAD)")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export SOURCE_DATE_EPOCH PACKAGE_VERSION WORK CGO_ENABLED=0
go=${GO:-go}

build() { # build FILE
	(cd ../.. && "$go" build -trimpath -ldflags "-s -w -X github.com/drover-hpc/drover/internal/server.Version=$version" -o "$1" ./cmd/drover)
}
build "$WORK/drover"
"$WORK/drover" documents "$WORK/documents"
[ -z "${CONFIGURATION_NOTE:-}" ] || echo "# $CONFIGURATION_NOTE" >>"$WORK/documents/drover.yaml"
gzip -9n "$WORK"/documents/man/*.1
gzip -9nc ../../CHANGELOG.md >"$WORK/documents/CHANGELOG.md.gz"
{
	printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\n'
	printf '%s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c)/Copyright:/p' ../../LICENSE)"
	sed '1,/^Copyright/d' ../../LICENSE | sed '/./,$!d; s/^$/./; s/^/ /'
} >"$WORK/documents/copyright"

mkdir -p "$out"
rm -f "$out"/*.deb "$out"/*.rpm
for ARCH in "$@"; do
	export ARCH
	mkdir "$WORK/$ARCH"
	GOOS=linux GOARCH=$ARCH build "$WORK/$ARCH/drover"
	for format in deb rpm; do
		"$go" tool nfpm package --config nfpm.yaml --packager $format --target "$out"
	done
done
