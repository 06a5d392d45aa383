# What the demos have in common; sourced by them. They run from the project's
# root, on a server and a directory of their own.

bin=${DROVER_DEMO_BINARY:-$PWD/bin/drover}
examples=$PWD/examples
work=$(mktemp -d /tmp/drover-demo-XXXXXX)
server=""

bold= dim= plain=
[ ! -t 1 ] || { bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m'); }
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ drover %s%s\n' "$dim" "$*" "$plain"; "$bin" "$@"; }

# value KEY: the text of the key in the JSON on standard input
value() { sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p'; }

# end_jobs ends the jobs of CFS sessions: those outlive the server, in process
# groups of their own, and would go on writing into what is deleted next.
end_jobs() {
	for supervisor in "$work"/data/jobs/*/supervisor.json; do
		group=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$supervisor" 2>/dev/null) || continue
		[ -n "$group" ] || continue
		{ tr '\0' ' ' <"/proc/$group/cmdline"; } 2>/dev/null | grep -qF "$work/data/jobs/" || continue # ended before
		kill -KILL "-$group" 2>/dev/null || continue
		tries=0
		while kill -0 "-$group" 2>/dev/null && [ $tries -lt 100 ]; do
			tries=$((tries + 1))
			sleep 0.1
		done
	done
}

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
	end_jobs
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT TERM

# serve FLAG...: a server that answers at $DROVER_SERVER
serve() {
	"$bin" serve "$@" --listen 127.0.0.1:0 --s3-listen 127.0.0.1:0 --data "$work/data" >"$work/server.log" 2>&1 &
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
}

# configure NAME: a CFS configuration of the example's playbook in a git repository
configure() {
	repo=$work/site-config.git
	cp -r "$examples/site-config" "$work/site-config"
	git -C "$work/site-config" init -q -b main
	git -C "$work/site-config" add .
	git -C "$work/site-config" -c user.name=Demo -c user.email=demo@example.org commit -qm "Site configuration"
	git clone -q --bare "$work/site-config" "$repo"
	cat >"$work/configuration.json" <<JSON
{"layers": [{"name": "site", "clone_url": "file://$repo", "branch": "main", "playbook": "site.yml"}]}
JSON
	show cfs v3 configurations update "$1" --file "$work/configuration.json" --format json
}

# published are the collections that playbooks for CFS count on (docs/install.md).
published="amazon.aws ansible.netcommon ansible.posix ansible.utils containers.podman community.crypto community.general
	community.hashi_vault community.libvirt community.sops kubernetes.core"

# collections: which of those this machine's Ansible has
collections() {
	has=$(ansible-galaxy collection list 2>/dev/null | sed -n 's/^\([a-z_0-9]*\.[a-z_0-9]*\) .*/\1/p') || true
	there="" missing=""
	for collection in $published; do
		if printf '%s\n' "$has" | grep -qx "$collection"; then
			there="$there $collection"
		else
			missing="$missing $collection"
		fi
	done
	echo "  Ansible collections that are here:${there:- none}"
	[ -z "$missing" ] || echo "  not here; Debian's package ansible has them:$missing"
}

statuses() { show bos v2 components list --format json | grep -E '"(id|status)": "' | paste - - | sed 's/[",]//g'; }

# stay TEXT: with KEEP set, says the text and leaves the server to the user
stay() {
	[ -n "${KEEP:-}" ] || return 0
	say "The server keeps running; Ctrl-C ends it"
	printf '  export DROVER_SERVER=%s\n%s\n  %s/apis/bos/docs\n  data and logs: %s\n' "$DROVER_SERVER" "$1" "$DROVER_SERVER" "$work"
	wait "$server"
}
