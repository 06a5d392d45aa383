#!/bin/sh
# The main job on two virtual machines that boot for real: an image of Debian
# packages, firmware, iPXE, Linux, Ansible over SSH; a boot that goes wrong, and
# a shutdown. KEEP=1 leaves the server running.
set -eu

cd "$(dirname "$0")/.."
. examples/stage.sh

say "Start a server with two virtual nodes: QEMU machines, each behind a Redfish BMC"
serve --virtual 2 --boot-retry 5s

say "Build an image of Debian packages (the first time it takes a minute, then it is in the cache)"
image=$("$bin" images build --name small --format json)
echo "$image"
path=$(echo "$image" | value path)
etag=$(echo "$image" | value etag)
root=$(echo "$image" | value root)

say "Make a git repository with a playbook"
configure sample-config

# template NAME KERNEL-PARAMETERS
template() {
	cat >"$work/$1.json" <<JSON
{
  "cfs": {"configuration": "sample-config"},
  "boot_sets": {
    "compute": {
      "type": "s3", "path": "$path", "etag": "$etag",
      "kernel_parameters": "$2",
      "node_roles_groups": ["Compute"]
    }
  }
}
JSON
	show bos v2 sessiontemplates create --file "$work/$1.json" "$1" --format json
}

say "Describe what the nodes should run; the root file system comes from S3"
template small "$root"

say "Boot and configure both"
show bos v2 sessions create --name boot-1 --template-name small --operation boot --format json >/dev/null
show watch boot-1
show explain x3000c0s1b0n0

say "What it wrote on its serial console"
show console x3000c0s1b0n0 --lines 12

say "What Ansible left on it, over SSH with a certificate of the authority that it trusts"
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
ssh-keygen -q -s "$work/data/trust/ca" -I demo -n root -V +1h "$work/key.pub"
ssh -F /dev/null -i "$work/key" -p "$(cat "$work/data/virtual/ssh.port")" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	-o LogLevel=ERROR root@127.122.0.1 'cat /etc/motd; uname -sr; uptime'

say "Reboot one with a root file system that is not the one meant"
template wrong "$(echo "$root" | sed 's/rd.live.etag=/&0/')"
show bos v2 sessions create --name wrong-1 --template-name wrong --operation reboot --limit x3000c0s2b0n0 --format json >/dev/null
tries=0
until "$bin" explain x3000c0s2b0n0 >"$work/explained" && grep -q 'answered 412' "$work/explained"; do
	tries=$((tries + 1))
	[ $tries -lt 300 ] || { cat "$work/explained"; echo "The node told of no failure." >&2; exit 1; }
	sleep 1
done
printf '%s$ drover explain x3000c0s2b0n0%s\n' "$dim" "$plain"
cat "$work/explained"

say "Mend it: the session is overtaken by a boot of the right image"
show bos v2 options update --max-power-off-wait-time 5 --format json >/dev/null
show bos v2 sessions create --name right-1 --template-name small --operation boot --limit x3000c0s2b0n0 --format json >/dev/null
show watch right-1

say "What each node says"
statuses

stay "  bin/drover console x3000c0s1b0n0
  bin/drover explain x3000c0s2b0n0
  bin/drover bos v2 sessions create --template-name small --operation reboot --name again && bin/drover watch again"

say "Shut both down"
show bos v2 sessions create --name stop-1 --template-name small --operation shutdown --format json >/dev/null
show watch stop-1
