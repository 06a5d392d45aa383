#!/bin/sh
# check.sh DIR NEWER: the packages of DIR are installed, upgraded to those of NEWER, removed and purged: the deb in a Debian
# that is booted, with its server at work, the rpm by rpm --root. It needs root, mmdebstrap, systemd-nspawn, rpm and man.
set -eu
old=$(cd "$1" && pwd) newer=$(cd "$2" && pwd)
dir=$(mktemp -d /var/tmp/drover-packages-XXXXXX)
nspawn="" leader=""
end() {
	code=$?
	trap - EXIT
	[ "$code" = 0 ] || { echo "packages-check: failed; the last that was said:" >&2; tail -n 30 "$dir"/*.log >&2 || true; }
	if [ -n "$nspawn" ]; then
		kill "$nspawn" 2>/dev/null || true
		wait "$nspawn" 2>/dev/null || true
	fi
	rm -rf "$dir"
	exit "$code"
}
trap end EXIT
trap 'exit 130' INT TERM

fail() { echo "packages-check: $*" >&2; exit 1; }
is() { [ "$2" = "$3" ] || fail "$1: expected \"$3\", got \"$2\""; } # is WHAT GOT EXPECTED
# within SECONDS COMMAND...: until it succeeds.
within() {
	deadline=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt "$deadline" ] || fail "gave up waiting for: $*"
		sleep 0.2
	done
}
# owned ROOT PATH OWNER MODE
owned() { is "$2" "$(chroot "$1" stat -c '%U:%G %a' "$2")" "$3 $4"; }

# files ROOT UNIT: what either package puts there.
files() {
	owned "$1" /usr/bin/drover root:root 755
	owned "$1" /etc/drover root:drover 750
	owned "$1" /etc/drover/drover.yaml root:drover 640
	owned "$1" /var/lib/drover drover:drover 700
	owned "$1" "$2" root:root 644
	is "the user" "$(chroot "$1" getent passwd drover | cut -d: -f5-)" "Drover:/var/lib/drover:/usr/sbin/nologin"
	for page in drover drover-serve drover-cfs; do
		[ -e "$1/usr/share/man/man1/$page.1.gz" ] || fail "no man page $page"
	done
	chroot "$1" bash -c '. /usr/share/bash-completion/completions/drover && declare -F __start_drover' >/dev/null || fail "bash completes nothing"
	for page in "$1"/usr/share/man/man1/drover*.gz; do
		says=$(LC_ALL=C.UTF-8 MANWIDTH=100 man --warnings=all -l "$page" 2>&1 >/dev/null)
		[ -z "$says" ] || fail "$page: $says"
	done
}

echo "a root of Debian"
mmdebstrap --quiet --variant=minbase --include=systemd,dbus,git,openssh-client,ansible-core,curl,bash-completion bookworm "$dir/root.tar" >"$dir/mmdebstrap.log" 2>&1
for root in deb rpm; do
	mkdir "$dir/$root"
	tar -C "$dir/$root" -xpf "$dir/root.tar"
done
rm "$dir/root.tar"

# The deb.
root=$dir/deb
arch=$(dpkg --print-architecture)
cp "$old"/*"_$arch.deb" "$root/old.deb"
cp "$newer"/*"_$arch.deb" "$root/newer.deb"
alone=--keep-unit\ --register=no # no systemd is there to ask
[ ! -d /run/systemd/system ] || alone=""
systemd-nspawn --quiet $alone --private-network --directory "$root" --boot --console=pipe </dev/null >"$dir/boot.log" 2>&1 &
nspawn=$!
booted() { leader=$(pgrep -P "$nspawn" -x systemd | head -n 1) && [ -n "$leader" ] && inside systemctl is-system-running --wait | grep -q 'running\|degraded'; }
inside() { nsenter -t "$leader" -m -u -i -n -p -r -w -- "$@"; }
within 60 booted

inside dpkg -i /old.deb >"$dir/dpkg.log" 2>&1
files "$root" /lib/systemd/system/drover.service
is "after its installation the unit" "$(inside systemctl is-enabled drover || true), $(inside systemctl is-active drover || true)" "disabled, inactive"
inside systemctl enable --quiet --now drover
ready() { inside curl -sf -m 5 http://127.0.0.1:8080/readyz; }
drover() { inside env HOME=/root DROVER_TOKEN_FILE=/var/lib/drover/token drover "$@"; }
within 60 ready
echo "deb: installed, the server is ready"

# A session goes through clone, inventory and Ansible in its cage, under the unit's restrictions.
inside sh -eu -c 'export HOME=/root DROVER_TOKEN_FILE=/var/lib/drover/token
	drover vcs create site/config >/dev/null
	mkdir /root/config && cd /root/config && git init -q -b main
	printf "%s\n" "- hosts: all" "  gather_facts: false" "  connection: local" "  tasks: [{command: \"true\"}]" >site.yml
	sed "s/\"true\"/sleep 900/" site.yml >long.yml
	git add . && git -c user.name=a -c user.email=a@example.org commit -qm a
	git config credential.helper "!drover auth git-credential"
	git push -q http://127.0.0.1:8080/vcs/site/config.git main
	for name in site long; do
		echo "{\"layers\": [{\"name\": \"a\", \"clone_url\": \"http://127.0.0.1:8080/vcs/site/config.git\", \"branch\": \"main\", \"playbook\": \"$name.yml\"}]}" >/root/$name.json
		drover cfs v3 configurations update $name --file /root/$name.json >/dev/null
		drover cfs v3 sessions create --name $name --configuration-name $name --target-definition spec --target-group Compute localhost >/dev/null
	done' >"$dir/session.log" 2>&1
complete() { drover cfs v3 sessions describe site --format json | grep -q '"status": "complete"'; }
within 120 complete
drover cfs v3 sessions describe site --format json | grep -q '"succeeded": "true"' || { drover cfs v3 sessions log site >&2; fail "the session failed"; }
sleeps() { inside sh -c 'grep -qs "^sleep" /proc/[0-9]*/cmdline'; }
within 60 sleeps
echo "deb: a session ran in its cage, another one runs"

echo 'log-level: debug' >>"$root/etc/drover/drover.yaml"
before=$(inside systemctl show -P MainPID drover)
inside dpkg --force-confold -i /newer.deb >"$dir/dpkg.log" 2>&1
within 60 ready
[ "$(inside systemctl show -P MainPID drover)" != "$before" ] || fail "the upgrade left the old server running"
is "the version" "$(drover version)" "drover v9999.0.0"
tail -n 1 "$root/etc/drover/drover.yaml" | grep -q '^log-level: debug$' || fail "the upgrade changed the site's configuration"
tail -n 1 "$root/etc/drover/drover.yaml.dpkg-dist" | grep -q another || fail "the new configuration was not put beside it"
owned "$root" /etc/drover/drover.yaml root:drover 640
owned "$root" /var/lib/drover drover:drover 700
drover cfs v3 configurations describe site >/dev/null || fail "the upgrade lost data"
sleeps || fail "the upgrade ended a session"
echo "deb: upgraded, configuration and data are there"

inside dpkg -r drover >"$dir/dpkg.log" 2>&1
[ ! -e "$root/usr/bin/drover" ] || fail "the removal left the program"
idle() { [ -z "$(inside find /proc -maxdepth 1 -user drover)" ]; }
within 30 idle # the session that was running, too
[ ! -e "$root/etc/systemd/system/multi-user.target.wants/drover.service" ] || fail "the removal left the unit enabled"
[ -e "$root/etc/drover/drover.yaml" ] && [ -e "$root/var/lib/drover/drover.db" ] && [ -e "$root/var/lib/drover/secret.key" ] || fail "the removal took configuration or data"
inside dpkg -P drover >"$dir/dpkg.log" 2>&1
[ ! -e "$root/etc/drover" ] && [ ! -e "$root/var/lib/drover" ] || fail "the purge left $(ls -d "$root/etc/drover" "$root/var/lib/drover" 2>/dev/null)"
chroot "$root" getent passwd drover >/dev/null || fail "the purge took the user"
echo "deb: removed, then purged"

# The rpm: rpm's own database of the root is empty, so that nothing it needs is known.
root=$dir/rpm
march=$(uname -m)
rpm() { command rpm --root "$root" --nodeps "$@"; }
command rpm -K --nosignature "$old"/*".$march.rpm" >/dev/null
rpm -i "$old"/*".$march.rpm" >"$dir/rpm.log" 2>&1
files "$root" /usr/lib/systemd/system/drover.service
rpm -V drover || fail "rpm -V: the files are not as the package has them"
echo 'log-level: debug' >>"$root/etc/drover/drover.yaml"
echo data >"$root/var/lib/drover/drover.db"
rpm -U "$newer"/*".$march.rpm" >"$dir/rpm.log" 2>&1
tail -n 1 "$root/etc/drover/drover.yaml" | grep -q '^log-level: debug$' || fail "the upgrade changed the site's configuration"
tail -n 1 "$root/etc/drover/drover.yaml.rpmnew" | grep -q another || fail "the new configuration was not put beside it"
is "the version" "$(chroot "$root" drover version)" "drover v9999.0.0"
owned "$root" /var/lib/drover drover:drover 700
ln -s /usr/lib/systemd/system/drover.service "$root/etc/systemd/system/multi-user.target.wants/drover.service"
rpm -e drover >"$dir/rpm.log" 2>&1
[ ! -e "$root/usr/bin/drover" ] || fail "the removal left the program"
[ ! -L "$root/etc/systemd/system/multi-user.target.wants/drover.service" ] || fail "the removal left the unit enabled"
tail -n 1 "$root/etc/drover/drover.yaml.rpmsave" | grep -q '^log-level: debug$' || fail "the removal took the site's configuration"
is "the data" "$(cat "$root/var/lib/drover/drover.db")" data
echo "rpm: installed, upgraded, removed"
