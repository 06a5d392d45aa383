#!/bin/sh
# Puts boto3, aws and s3cmd of PyPI into the user's cache, once, and an older
# boto3, as sites have it, beside them. Writes the directory of both.
set -eu
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/s3-clients
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9

environment() { # environment NAME PACKAGE...
	name=$1
	shift
	[ ! -e "$dir/$name/whole" ] || return 0
	rm -rf "${dir:?}/$name"
	python3 -m venv "$dir/$name" >&2
	"$dir/$name/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
	touch "$dir/$name/whole"
}
environment new boto3 awscli s3cmd
environment old 'boto3==1.24.*'
echo "$dir"
