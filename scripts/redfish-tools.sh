#!/bin/sh
# Puts what checks a Redfish service into the user's cache, once, and writes the
# directory: venv/bin has DMTF's redfish-service-validator and sushy (PyPI); csdl
# has DMTF's schemas (DSP8010), as the crate nv-redfish-schema of crates.io ships
# them, unchanged; csdl/why says why where they could not be had.
set -eu
validator=3.1.8
sushy=5.14.0
schemas=0.10.1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover/redfish
dir=$cache/$validator-$sushy-$schemas
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9

work=""
trap 'rm -rf "$work"' EXIT
if [ ! -e "$dir/venv/done" ]; then
	rm -rf "$dir/venv"
	python3 -m venv "$dir/venv" >&2
	"$dir/venv/bin/pip" install --quiet --disable-pip-version-check "redfish-service-validator==$validator" "sushy==$sushy" >&2
	touch "$dir/venv/done" # whole, or made anew
fi
if [ ! -e "$dir/csdl/ServiceRoot_v1.xml" ]; then
	rm -rf "$dir/csdl"
	mkdir -p "$dir/csdl"
	work=$(mktemp -d)
	mkdir "$work/src"
	: >"$work/src/lib.rs"
	printf '[package]\nname = "csdl"\nversion = "0.0.0"\n[dependencies]\nnv-redfish-schema = "=%s"\n' "$schemas" >"$work/Cargo.toml"
	if ! command -v cargo >/dev/null; then
		echo "there is no cargo to get the crate nv-redfish-schema with" >"$dir/csdl/why"
	elif (cd "$work" && cargo vendor --quiet vendor) >"$work/out" 2>&1; then
		cp "$work/vendor/nv-redfish-schema/redfish-csdl/csdl/"*.xml "$dir/csdl/"
	else
		{
			echo "cargo could not get the crate nv-redfish-schema:"
			tail -3 "$work/out"
		} | tr '\n' ' ' >"$dir/csdl/why"
	fi
fi
echo "$dir"
