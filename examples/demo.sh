#!/bin/sh
# The main job on eight simulated nodes: an image, a configuration, a reboot,
# real Ansible over SSH. KEEP=1 leaves the server running.
set -eu

cd "$(dirname "$0")/.."
. examples/stage.sh

say "Start a server with eight simulated nodes"
serve --simulate 8

say "Make a git repository with a playbook"
configure sample-config

say "Upload an image"
mkdir "$work/image"
for part in kernel initrd rootfs; do
	head -c 1048576 /dev/urandom >"$work/image/$part"
done
image=$("$bin" images upload "$work/image" --name demo-image --format json)
echo "$image"
path=$(echo "$image" | value path)
etag=$(echo "$image" | value etag)

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
statuses
show explain x1000c0s0b0n0
motd=$work/data/sim/nodes/x1000c0s3b0n0/root/etc/motd
printf '\n$ cat %s\n' "${motd#"$work"/}"
cat "$motd"

say "What a site's own playbooks may expect beside this one"
collections

stay "  bin/drover bos v2 components list
  bin/drover bos v2 sessions create --template-name demo --operation shutdown --name stop-1 && bin/drover watch stop-1
  bin/drover explain x1000c0s5b0n0"
