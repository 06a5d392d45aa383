#!/bin/sh
# repeat-demo.sh TIMES: the demo so many times in a row, beside a load on every
# core; ends at the first failure. The demo's last output is kept until then.
set -eu

cd "$(dirname "$0")/.."
times=$1
log=$(mktemp /tmp/drover-demo-repeat-XXXXXX.log)
loads=""
end() { kill $loads 2>/dev/null || true; }
trap end EXIT
trap 'exit 130' INT TERM

cores=$(nproc)
while [ "$cores" -gt 0 ]; do
	sh -c 'while :; do :; done' &
	loads="$loads $!"
	cores=$((cores - 1))
done
run=0
while [ $run -lt "$times" ]; do
	run=$((run + 1))
	begun=$(date +%s)
	examples/demo.sh >"$log" 2>&1 || {
		cat "$log"
		echo "demo $run of $times failed" >&2
		exit 1
	}
	echo "demo $run of $times passed in $(($(date +%s) - begun)) s"
done
rm -f "$log"
