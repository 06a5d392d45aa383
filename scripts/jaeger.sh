#!/bin/sh
# Builds Jaeger into the user's cache, once (some minutes, 2 GB of Go's build cache); the program's file is the
# output. Its version stands in test/jaeger/go.mod, and what it is made of in go.sum.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
module=$here/../test/jaeger
version=$(sed -n 's|^.*github.com/jaegertracing/jaeger \(v[^ ]*\).*|\1|p' "$module/go.mod")
dir=${XDG_CACHE_HOME:-$HOME/.cache}/drover/jaeger/$version
mkdir -p "$(dirname "$dir")"
exec 9>"$dir.lock"
flock 9
if [ ! -e "$dir/whole" ]; then
	echo "Building Jaeger $version, which takes minutes" >&2
	cd "$module"
	CGO_ENABLED=0 GOBIN=$dir nice -n 10 go install -trimpath -ldflags "-s -w" tool >&2
	touch "$dir/whole"
fi
echo "$dir/jaeger"
