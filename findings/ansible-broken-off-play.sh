#!/bin/sh
# ansible-core 2.16.14 and 2.17.7: how a strategy tells that a play was broken off.
#
# A play with any_errors_fatal (or a failed run_once) stops for all hosts at the first failure. For whoever runs plays, through the
# value of a strategy's run(), two things changed between 2.16 and 2.17:
#
#   2.16  result 8 (RUN_FAILED_BREAK_PLAY), failed hosts: the one that failed
#   2.17  result 2 (RUN_FAILED_HOSTS), failed hosts: all, also those on which nothing failed
#
# The recap is the same in both, and says failed=0 of a host on which the rest of the play never ran. So a tool that takes "no failure" for
# "done", or that looks for the bit, is right on 2.16 and wrong on 2.17; the bit or the list together are right on both.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir strategy
cat >strategy/told.py <<'PY'
from ansible.plugins.strategy.linear import StrategyModule as Linear

DOCUMENTATION = "name: told\nshort_description: linear, which tells its result\ndescription: linear\n"


class StrategyModule(Linear):
    def run(self, iterator, play_context):
        result = super().run(iterator, play_context)
        print("told: result=%s failed=%s" % (result, ",".join(sorted(str(h) for h in iterator.get_failed_hosts()))))
        return result
PY
cat >play.yml <<'YAML'
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.fail: {msg: on one host only}
      when: inventory_hostname == "a"
    - ansible.builtin.debug: {msg: never reached}
YAML

# of VERSION: what the strategy told, and b's line of the recap.
of() {
	python3 -m venv "core-$1"
	"core-$1/bin/pip" -q install "ansible-core==$1"
	HOME=$dir ANSIBLE_STRATEGY_PLUGINS=$dir/strategy ANSIBLE_STRATEGY=told ANSIBLE_NOCOLOR=1 \
		"core-$1/bin/ansible-playbook" -i a,b, -c local play.yml >"out-$1" 2>&1 || true
	sed -n 's/^told: //p' "out-$1"
	sed -n 's/^b  *: .*\(failed=[0-9]*\).*\(skipped=[0-9]*\).*/b: \1 \2/p' "out-$1"
}

expect() {
	got=$(of "$1")
	printf 'ansible-core %s\n%s\n' "$1" "$got"
	test "$got" = "$2" || { printf 'expected\n%s\n' "$2" >&2; exit 1; }
}

expect 2.16.14 'result=8 failed=a
b: failed=0 skipped=1'
expect 2.17.7 'result=2 failed=a,b
b: failed=0 skipped=1'
