#!/bin/sh
# Prints the directory of a Keycloak that is built, which it makes at the first time.
set -eu

version=26.7.3
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
home=$cache/keycloak-$version
if [ ! -e "$home/built" ]; then
	mkdir -p "$cache"
	rm -rf "$home" "$home.new"
	mvn -q -B dependency:copy -Dartifact=org.keycloak:keycloak-quarkus-dist:$version:zip -DoutputDirectory="$home.new" >&2
	unzip -q "$home.new/keycloak-quarkus-dist-$version.zip" -d "$home.new"
	mv "$home.new/keycloak-$version" "$home"
	rm -rf "$home.new"
	"$home/bin/kc.sh" build --db=dev-file --cache=local >&2
	touch "$home/built"
fi
echo "$home"
