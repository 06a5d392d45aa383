#!/bin/sh
# Puts kiwi-ng of PyPI into the user's cache, once. Writes the directory of its
# programs.
set -eu
version=10.2.33
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/kiwi-$version
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9
if [ ! -e "$dir/whole" ]; then
	python3 -m venv "$dir" >&2
	"$dir/bin/pip" install --quiet --disable-pip-version-check "kiwi==$version" >&2
	touch "$dir/whole"
fi
echo "$dir/bin"
