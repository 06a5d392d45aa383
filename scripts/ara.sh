#!/bin/sh
# Puts ARA and an Ansible that has its callback into the user's cache, in one
# Python environment; the directory of their programs is the output.
set -eu
ara=1.8.0
ansible=2.19.14
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/ara-$ara
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [ ! -e "$dir/whole" ]; then
	rm -rf "$dir"
	python3 -m venv "$dir"
	"$dir/bin/pip" install -q --disable-pip-version-check "ara[server]==$ara" "ansible-core==$ansible" >&2
	touch "$dir/whole"
fi
echo "$dir/bin"
