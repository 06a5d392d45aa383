#!/bin/sh
# cloud-init-check.sh: Debian's cloud-init, unpacked into a temporary directory
# and not installed, reads what bin/drover's BSS has for a node.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
server=""
end() {
	[ -z "$server" ] || { kill "$server" && wait "$server" || true; } 2>/dev/null
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

chmod 755 "$dir"
(cd "$dir" && apt-get download -qq cloud-init 2>/dev/null && dpkg -x cloud-init_*.deb root)
python3 -m venv "$dir/python"
"$dir/python/bin/pip" -q install configobj==5.0.9 jinja2==3.1.6 jsonpatch==1.33 jsonschema==4.25.1 oauthlib==3.3.1 pyyaml==6.0.3 requests==2.32.5

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
"$here/../bin/drover" serve --simulate 2 --auth none --data "$dir/data" --listen "127.0.0.1:$(port)" --s3-listen "127.0.0.1:$(port)" 2>"$dir/log" &
server=$!
until [ -s "$dir/data/url" ]; do
	kill -0 "$server" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
	sleep 0.1
done
PYTHONPATH="$dir/root/usr/lib/python3/dist-packages" "$dir/python/bin/python" "$here/cloud-init-check.py" "$(cat "$dir/data/url")"
