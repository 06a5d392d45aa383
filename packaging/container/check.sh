#!/bin/sh
# check.sh ARCHIVE IMAGE VERSION: a containerd of its own loads the archive, runs `drover version`, and a server with
# two simulated nodes until it is ready, as the image's own user. It needs root, containerd, runc and curl.
set -eu
archive=$1 image=$2 version=$3
dir=$(mktemp -d /tmp/drover-container-XXXXXX)
containerd="" server="" name=""
ctr() { command ctr --address "$dir/sock" "$@"; }
end() {
	code=$?
	if [ "$code" -ne 0 ]; then
		echo "container-check: failed; the last of the logs:" >&2
		tail -n 20 "$dir"/*.log >&2 || true
	fi
	if [ -n "$server" ]; then
		ctr tasks kill --signal SIGKILL serve >/dev/null 2>&1 || true
		wait "$server" || true
		ctr containers rm serve >/dev/null 2>&1 || true
	fi
	if [ -n "$containerd" ]; then
		kill "$containerd"
		wait "$containerd" || true
	fi
	rm -rf "$dir"
	exit "$code"
}
trap end EXIT
trap 'exit 130' INT TERM

# within SECONDS COMMAND...: until it succeeds.
within() {
	deadline=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$deadline" ] || { echo "container-check: gave up waiting for: $*" >&2; return 1; }
		sleep 0.1
	done
}

cat >"$dir/config.toml" <<CONFIG
version = 2
root = "$dir/root"
state = "$dir/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$dir/sock"
CONFIG
containerd --config "$dir/config.toml" >"$dir/containerd.log" 2>&1 &
containerd=$!
answers() { ctr version >/dev/null 2>&1; }
within 30 answers

ctr images import "$archive" >"$dir/import.log" 2>&1
# With arguments, ctr leaves the entry point out.
ctr run --rm "$image" entry | grep -q "^Usage: drover" || { echo "container-check: the entry point is not drover" >&2; exit 1; }
said=$(ctr run --rm "$image" version drover version)/
[ "$said" = "drover $version/" ] || { echo "container-check: expected \"drover $version\", got \"$said\"" >&2; exit 1; }
echo "drover version: ${said%/}"

free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free) s3=$(free)
ctr run --rm --net-host "$image" serve drover serve --listen "127.0.0.1:$port" --s3-listen "127.0.0.1:$s3" --simulate 2 >"$dir/serve.log" 2>&1 &
server=$!
running() { kill -0 "$server" 2>/dev/null || { echo "container-check: the server has ended" >&2; exit 1; }; }
ready() { running; curl -sf -m 5 "http://127.0.0.1:$port/readyz" >/dev/null; }
within 120 ready
nodes() { running; [ "$(curl -sf -m 5 "http://127.0.0.1:$port/apis/bos/v2/components" | grep -o '"id"' | wc -l)" = 2 ]; }
within 60 nodes
echo "drover serve --simulate 2: ready, BOS has two components"
user=$(ctr tasks exec --exec-id id serve id -un)
[ "$user" = drover ] || { echo "container-check: expected that it runs as drover, got \"$user\"" >&2; exit 1; }
tools=$(ctr tasks exec --exec-id tools serve sh -c 'ansible-playbook --version && git --version && git lfs version && ssh -V 2>&1 && command -v mksquashfs' | sed -n '1p;/^git\|^OpenSSH\|mksq/p')
echo "as $user, with:"
echo "$tools"
ctr tasks kill --signal SIGTERM serve
wait "$server" || { code=$?; server=""; echo "container-check: the server ended with $code" >&2; exit 1; }
server=""
