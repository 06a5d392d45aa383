#!/bin/sh
# Installs what is missing, on Debian and its kin: need.sh git git-lfs ansible ssh sshd postgres cc qemu qemu-user image venv redfish nginx chromium containerd packages dhcp kubernetes jaeger
# An Ansible beside the system's goes to the user's cache; the directory of its
# programs is the last line of output: need.sh ansible-new (what Debian 13 has),
# ansible-2.16 (in an environment), ansible-newest (of PyPI, in a Debian 13 root);
# likewise boto3, aws and s3cmd: need.sh s3-clients, and what checks a Redfish
# service: need.sh redfish; kiwi-ng: need.sh kiwi; ARA with an Ansible: need.sh ara;
# the jars of Apache Kafka, by Maven: need.sh kafka; Keycloak: need.sh keycloak; and the programs of
# Kubernetes, which are built: need.sh kubernetes; so is Jaeger: need.sh jaeger
set -eu
here=$(cd "$(dirname "$0")" && pwd)
others=""
redfish=""
clients=""
kiwi=""
ara=""
kafka=""
keycloak=""
kubernetes=""
jaeger=""

missing=""
want() { # want PACKAGE TEST...
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}
postgres() { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; }

for need in "$@"; do
	case $need in
	git) want git command -v git ;;
	git-lfs) want git-lfs command -v git-lfs ;;
	ansible) want ansible-core command -v ansible-playbook ;;
	ssh) want openssh-client command -v ssh ;;
	postgres) want postgresql postgres ;;
	cc) want gcc command -v cc; want libc6-dev test -e /usr/include/stdio.h ;; # the race detector links with it
	qemu) want qemu-system-x86 command -v qemu-system-x86_64; want ipxe-qemu test -e /usr/lib/ipxe/qemu/pxe-virtio.rom ;;
	image) want mmdebstrap command -v mmdebstrap; want squashfs-tools command -v mksquashfs ;;
	sshd) want openssh-server test -x /usr/sbin/sshd ;;
	qemu-user) want qemu-user-static command -v qemu-aarch64-static; want arch-test command -v arch-test ;;
	redfish)
		want python3-venv python3 -c 'import ensurepip'
		want cargo command -v cargo # gets the schemas
		redfish=yes
		;;
	nginx) want nginx test -x /usr/sbin/nginx ;; # only as a program: nothing begins to listen
	containerd) want containerd command -v containerd; want runc command -v runc; want curl command -v curl; want python3-minimal command -v python3 ;;
	dhcp) want dnsmasq-base command -v dnsmasq; want kea-dhcp4-server command -v kea-dhcp4 ;;
	packages) want systemd-container command -v systemd-nspawn; want rpm command -v rpm; want man-db command -v man ;;
	chromium) want chromium command -v chromium ;;
	venv) want python3-venv python3 -c 'import ensurepip' ;;
	kiwi) want python3-venv python3 -c 'import ensurepip'; want rsync command -v rsync; want debootstrap command -v debootstrap; kiwi=yes ;;
	s3-clients) want python3-venv python3 -c 'import ensurepip'; want rclone command -v rclone; clients=yes ;;
	ara) want python3-venv python3 -c 'import ensurepip'; ara=yes ;;
	kafka) want default-jre-headless command -v java; want maven command -v mvn; kafka=yes ;;
	ceph) want ceph-mon command -v ceph-mon; want ceph-osd command -v ceph-osd; want radosgw command -v radosgw ;;
	keycloak) want default-jre-headless command -v java; want maven command -v mvn; want unzip command -v unzip; keycloak=yes ;;
	jaeger) jaeger=yes ;;
	kubernetes)
		want containerd command -v containerd; want runc command -v runc; want etcd-server command -v etcd
		want containernetworking-plugins test -x /usr/lib/cni/bridge
		kubernetes=yes
		;;
	ansible-newest) want mmdebstrap command -v mmdebstrap; others="$others newest" ;;
	ansible-new) want python3-venv python3 -c 'import ensurepip'; others="$others 2.19" ;;
	ansible-2.*) want python3-venv python3 -c 'import ensurepip'; others="$others ${need#ansible-}" ;;
	*) echo "need.sh: unknown need: $need" >&2; exit 2 ;;
	esac
done
install() {
	if ! command -v apt-get >/dev/null; then
		echo "Missing, and there is no apt-get to install them: $missing" >&2
		exit 1
	fi
	root=""
	[ "$(id -u)" = 0 ] || root="sudo"
	echo "Installing:$missing"
	export DEBIAN_FRONTEND=noninteractive
	$root apt-get update -qq
	# An SSH server is only wanted as a program: nothing shall begin to listen.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | $root tee $policy >/dev/null
		$root chmod +x $policy
		trap "$root rm -f $policy" EXIT
	fi
	$root apt-get install -y -qq --no-install-recommends $missing >/dev/null
}

[ -z "$missing" ] || install
for version in $others; do
	"$here/ansible.sh" "$version"
done
[ -z "$redfish" ] || "$here/redfish-tools.sh"
[ -z "$clients" ] || "$here/s3-clients.sh"
[ -z "$kiwi" ] || "$here/kiwi.sh"
[ -z "$ara" ] || "$here/ara.sh"
[ -z "$kafka" ] || "$here/kafka.sh"
[ -z "$keycloak" ] || "$here/keycloak.sh"
[ -z "$kubernetes" ] || "$here/kubernetes.sh"
[ -z "$jaeger" ] || "$here/jaeger.sh"
