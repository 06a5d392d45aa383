#!/bin/sh
# The versions that version.sh makes, and that dpkg and rpm order them as they were made.
set -eu
cd "$(dirname "$0")"
commit=abcdefabcdefabcdef
expect() { # expect DESCRIBED VERSION
	got=$(./version.sh "$1" 1700000000 $commit)
	[ "$got" = "$2" ] || { echo "version.sh $1: expected $2, got $got" >&2; exit 1; }
}
expect v1.2.0 1.2.0
expect v1.2.0-rc1 1.2.0~rc1
expect v1.2.0-14-gabc 1.2.0+14.gabc
expect v1.2.0-rc1-3-gabc-dirty 1.2.0~rc1+3.gabc+dirty
expect abcdefa 0~git20231114221320.abcdefabcdef
expect 1234567-dirty 0~git20231114221320.abcdefabcdef+dirty

older=$(./version.sh abc 1700000000 $commit)
for described in def:1700000001 v0.1.0-rc1: v0.1.0-rc1-2-gabc: v0.1.0: v0.1.0-1-gabc: v0.1.0-12-gabc: v0.2.0:; do
	newer=$(./version.sh "${described%:*}" "${described#*:}" $commit)
	dpkg --compare-versions "$older-1" lt "$newer-1" || { echo "dpkg: $older is not before $newer" >&2; exit 1; }
	[ "$(rpm --eval "%{lua: print(rpm.vercmp('$older', '$newer'))}")" = -1 ] || { echo "rpm: $older is not before $newer" >&2; exit 1; }
	older=$newer
done
