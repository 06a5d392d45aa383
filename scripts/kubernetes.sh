#!/bin/sh
# Builds the programs of Kubernetes into the user's cache, once (some minutes, 4 GB of Go's build cache);
# their directory is the output. Their version stands in test/kubernetes/controlplane/go.mod.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
module=$here/../test/kubernetes/controlplane
version=$(sed -n 's|^require k8s.io/kubernetes \(v[^ ]*\).*|\1|p' "$module/go.mod")
minor=${version#v1.}
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/kubernetes/$version
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [ ! -e "$dir/whole" ]; then
	echo "Building Kubernetes $version, which takes minutes" >&2
	of=k8s.io/component-base/version
	cd "$module"
	CGO_ENABLED=0 GOBIN=$dir nice -n 10 go install -trimpath \
		-ldflags "-s -w -X $of.gitVersion=$version -X $of.gitMajor=1 -X $of.gitMinor=${minor%%.*}" tool >&2
	touch "$dir/whole"
fi
echo "$dir"
