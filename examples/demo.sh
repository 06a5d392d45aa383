#!/bin/sh
# The main job on eight simulated nodes: an image, a configuration, a reboot,
# real Ansible over SSH. KEEP=1 leaves the server running.
set -eu

cd "$(dirname "$0")/.."
bin=$PWD/bin/drover
examples=$PWD/examples
work=$(mktemp -d /tmp/drover-demo-XXXXXX)
server=""

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
show() { printf '\033[2m$ drover %s\033[0m\n' "$*"; "$bin" "$@"; }

finish() {
	status=$?
	trap - EXIT
	if [ $status != 0 ]; then
		echo "The demo failed; the server's last words:" >&2
		tail -n 20 "$work/server.log" >&2 || true
	fi
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

say "Start a server with eight simulated nodes"
"$bin" serve --simulate 8 --listen 127.0.0.1:0 --s3-listen 127.0.0.1:0 --data "$work/data" >"$work/server.log" 2>&1 &
server=$!
tries=0
until [ -s "$work/data/url" ]; do # written when everything answers
	kill -0 "$server" 2>/dev/null || exit 1
	tries=$((tries + 1))
	[ $tries -lt 600 ] || { echo "The server is not ready after a minute." >&2; exit 1; }
	sleep 0.1
done
DROVER_SERVER=$(cat "$work/data/url")
export DROVER_SERVER
echo "$DROVER_SERVER"
show hsm state components list --type Node --format json | grep -c '"ID"' | sed 's/$/ nodes discovered through Redfish/'

say "Make a git repository with a playbook"
repo=$work/site-config.git
cp -r "$examples/site-config" "$work/site-config"
git -C "$work/site-config" init -q -b main
git -C "$work/site-config" add .
git -C "$work/site-config" -c user.name=Demo -c user.email=demo@example.org commit -qm "Site configuration"
git clone -q --bare "$work/site-config" "$repo"
cat >"$work/configuration.json" <<JSON
{"layers": [{"name": "site", "clone_url": "file://$repo", "branch": "main", "playbook": "site.yml"}]}
JSON
show cfs v3 configurations update sample-config --file "$work/configuration.json" --format json

say "Upload an image"
mkdir "$work/image"
for part in kernel initrd rootfs; do
	head -c 1048576 /dev/urandom >"$work/image/$part"
done
image=$("$bin" images upload "$work/image" --name demo-image --format json)
echo "$image"
path=$(printf '%s' "$image" | sed -n 's/.*"path": *"\([^"]*\)".*/\1/p')
etag=$(printf '%s' "$image" | sed -n 's/.*"etag": *"\([^"]*\)".*/\1/p')

say "Describe what the nodes should run"
cat >"$work/template.json" <<JSON
{
  "enable_cfs": true,
  "cfs": {"configuration": "sample-config"},
  "boot_sets": {
    "compute": {
      "type": "s3", "path": "$path", "etag": "$etag", "arch": "X86",
      "kernel_parameters": "console=ttyS0 quiet ip=dhcp",
      "node_roles_groups": ["Compute"]
    }
  }
}
JSON
show bos v2 sessiontemplates create --file "$work/template.json" demo --format json

say "Boot them without configuration first, so that there is something to reboot"
sed 's/"enable_cfs": true/"enable_cfs": false/' "$work/template.json" >"$work/bare.json"
"$bin" bos v2 sessiontemplates create --file "$work/bare.json" bare --format json >/dev/null
show bos v2 sessions create --name boot-1 --template-name bare --operation Boot --format json >/dev/null
show watch boot-1

say "Reboot and configure them all"
show bos v2 sessions create --name reboot-1 --template-name demo --operation Reboot --format json
show watch reboot-1

say "What each node says"
show bos v2 components list --format json | grep -E '"(id|status)": "' | paste - - | sed 's/[",]//g'
show explain x1000c0s0b0n0
motd=$work/data/sim/nodes/x1000c0s3b0n0/root/etc/motd
printf '\n$ cat %s\n' "${motd#"$work"/}"
cat "$motd"

if [ -n "${KEEP:-}" ]; then
	say "The server keeps running; Ctrl-C ends it"
	cat <<TEXT
  export DROVER_SERVER=$DROVER_SERVER
  bin/drover bos v2 components list
  bin/drover bos v2 sessions create --template-name demo --operation shutdown --name stop-1 && bin/drover watch stop-1
  bin/drover explain x1000c0s5b0n0
  $DROVER_SERVER/apis/bos/docs
  data and logs: $work
TEXT
	wait "$server"
fi
