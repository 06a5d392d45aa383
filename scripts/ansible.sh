#!/bin/sh
# Puts an ansible-core of PyPI into the user's cache, once, and writes the
# directory of its programs: ansible.sh 2.16, or ansible.sh newest, which needs a
# newer Python than Debian 12 has and gets a Debian 13 root.
set -eu
version=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover/ansible
mkdir -p "$cache"
exec 9>"$cache/.lock" # tests of several packages may want it at once
flock 9

if [ "$version" != newest ]; then
	dir=$cache/$version
	if [ ! -e "$dir/bin/ansible-playbook" ]; then
		rm -rf "$dir"
		trap 'rm -rf "$dir"' EXIT # whole or not at all
		python3 -m venv "$dir" >&2
		"$dir/bin/pip" install --quiet --disable-pip-version-check "ansible-core==$version.*" >&2
		trap - EXIT
	fi
	echo "$dir/bin"
	exit
fi

root=$cache/trixie
bin=$cache/newest
if [ ! -e "$root/ansible/bin/ansible-playbook" ]; then
	rm -rf "$root"
	trap 'rm -rf "$root"' EXIT
	mmdebstrap --quiet --variant=minbase --include=python3,python3-venv,ca-certificates,openssh-client trixie "$root" >&2
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	cp /etc/ssl/certs/ca-certificates.crt "$root/ansible-ca.pem" # also the site's own
	unshare --map-root-user chroot "$root" env -i PATH=/usr/bin:/bin HOME=/root PIP_CERT=/ansible-ca.pem \
		${https_proxy:+https_proxy="$https_proxy"} ${PIP_INDEX_URL:+PIP_INDEX_URL="$PIP_INDEX_URL"} \
		sh -c 'python3 -m venv /ansible && /ansible/bin/pip install --quiet --disable-pip-version-check ansible-core' >&2
	trap - EXIT
fi
# The programs run in the root, which sees the temporary directories and, over
# the network's loopback, the tests' servers.
mkdir -p "$bin"
for program in ansible-playbook ansible; do
	cat >"$bin/$program" <<END
#!/bin/sh
set -eu
exec unshare --map-root-user --mount sh -c '
	mount --rbind /tmp "$root/tmp"
	mount --rbind /dev "$root/dev"
	mount --rbind /proc "$root/proc"
	exec chroot "$root" sh -c "cd \"\$PWD\" 2>/dev/null || cd /; exec /ansible/bin/$program \"\\\$@\"" "\$@"
' $program $program "\$@"
END
	chmod +x "$bin/$program"
done
echo "$bin"
