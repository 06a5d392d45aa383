package aee

import "strings"

// construct is a playbook for the hosts a, b, c and d of which some run into
// something. MARK is the last task of what a host has to do in a play; BREAK is
// a task that fails on b.
type construct struct {
	name string
	text string
	// marks is how many marks a host leaves that got to the end of all its
	// plays; 0: one. Hosts of their own number are in of.
	marks int
	of    map[string]int
	// failed are the hosts that must be told to have failed.
	failed string
	// broken plays end before their hosts do: one that was at its end by then
	// may be told to be incomplete.
	broken bool
	// core ones run under all strategies wherever the table is tested.
	core bool
}

const (
	markTask  = `debug: {msg: "{{ lookup('pipe', 'echo >> ' + marks + '/' + inventory_hostname) }}"}`
	breakTask = `{fail: {msg: broken}, when: inventory_hostname == "b"}`
	// awayTask goes to a port where nobody listens.
	awayTask = `{raw: "true", when: inventory_hostname == "b", vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}`
)

// playbook is the text under the strategy; "" is that of the configuration.
func (c construct) playbook(strategy string) string {
	play := "gather_facts: false"
	if strategy != "" {
		play += "\n  strategy: " + strategy
	}
	return strings.NewReplacer("PLAY", play, "MARK", markTask, "BREAK", breakTask, "AWAY", awayTask).Replace(c.text)
}

// marksOf is how many marks the host leaves if it gets to the end.
func (c construct) marksOf(host string) int {
	if n, ok := c.of[host]; ok {
		return n
	}
	return max(c.marks, 1)
}

func tasks(lines ...string) string {
	return "- hosts: all\n  PLAY\n" + strings.Join(lines, "\n") + "\n"
}

var constructs = []construct{
	{name: "nothing fails", text: tasks("  tasks: [MARK]"), core: true},
	{name: "one host fails", text: tasks("  tasks: [BREAK, MARK]"), failed: "b", core: true},
	{name: "undefined variable on one host", failed: "b",
		text: tasks("  tasks:", `  - {debug: {msg: "{{ nowhere }}"}, when: inventory_hostname == "b"}`, "  - MARK")},
	{name: "`any_errors_fatal`", text: tasks("  any_errors_fatal: true", "  tasks: [BREAK, MARK]"), failed: "b", broken: true, core: true},
	{name: "`any_errors_fatal`, unreachable", text: tasks("  any_errors_fatal: true", "  tasks: [AWAY, MARK]"), failed: "b", broken: true},
	{name: "`any_errors_fatal` with `rescue`",
		text: tasks("  any_errors_fatal: true", "  tasks:", "  - block: [BREAK]", "    rescue: [{debug: {msg: saved}}]", "  - MARK")},
	{name: "`max_fail_percentage`", text: tasks("  max_fail_percentage: 20", "  tasks: [BREAK, MARK]"), failed: "b", broken: true},
	{name: "`serial: 2`, one host fails", text: tasks("  serial: 2", "  tasks: [BREAK, MARK]"), failed: "b"},
	{name: "`serial: 1`, a batch fails", text: tasks("  serial: 1", "  tasks: [BREAK, MARK]"), failed: "b", core: true},
	{name: "`serial: 1` in the second play, a batch fails", marks: 2, failed: "b", core: true,
		text: tasks("  tasks: [MARK]") + tasks("  serial: 1", "  tasks: [BREAK, MARK]")},
	{name: "`end_host`",
		text: tasks("  tasks:", "  - MARK", `  - {meta: end_host, when: inventory_hostname == "c"}`, "  - debug: {msg: on}")},
	{name: "`end_play`", text: tasks("  tasks:", "  - MARK", "  - meta: end_play", "  - debug: {msg: never}"), broken: true},
	{name: "`end_play` under `serial: 2`", text: tasks("  serial: 2", "  tasks:", "  - MARK", "  - meta: end_play", "  - debug: {msg: never}"), broken: true},
	{name: "`end_batch` under `serial: 2`", text: tasks("  serial: 2", "  tasks:", "  - MARK", "  - meta: end_batch", "  - debug: {msg: never}"), broken: true},
	{name: "`run_once` fails", text: tasks("  tasks:", "  - {fail: {msg: broken}, run_once: true}", "  - MARK"), failed: "a", broken: true, core: true},
	{name: "`run_once` passes", text: tasks("  tasks:", "  - {debug: {msg: once}, run_once: true}", "  - MARK")},
	{name: "`rescue`", text: tasks("  tasks:", "  - block: [BREAK]", "    rescue: [{debug: {msg: saved}}]", "  - MARK")},
	{name: "`rescue` fails too", text: tasks("  tasks:", "  - block: [BREAK]", "    rescue: [BREAK]", "  - MARK"), failed: "b"},
	{name: "`ignore_errors`",
		text: tasks("  tasks:", `  - {fail: {msg: broken}, ignore_errors: true, when: inventory_hostname == "b"}`, "  - MARK")},
	{name: "unreachable", text: tasks("  tasks: [AWAY, MARK]"), failed: "b"},
	{name: "`ignore_unreachable`", text: tasks("  ignore_unreachable: true", "  tasks: [AWAY, MARK]"), core: true},
	{name: "`clear_host_errors`, the host is through", failed: "b", core: true,
		text: tasks("  tasks:", "  - BREAK", "  - meta: clear_host_errors", "  - MARK")},
	{name: "`clear_host_errors` in `always`, the host goes on", core: true,
		text: tasks("  tasks:", "  - block: [BREAK]", "    always:", "    - meta: clear_host_errors", "  - MARK")},
	{name: "`clear_host_errors`, unreachable", core: true,
		text: tasks("  tasks:", "  - AWAY", "  - meta: clear_host_errors", "  - MARK")},
	{name: "`clear_host_errors` in the second play", marks: 2, failed: "b",
		text: tasks("  tasks: [BREAK, MARK]") + tasks("  tasks: [{meta: clear_host_errors}, MARK]")},
	{name: "a handler fails", failed: "b", text: tasks("  tasks:", "  - {raw: 'true', notify: h}", "  - MARK",
		"  handlers:", "  - {name: h, fail: {msg: broken}, when: inventory_hostname == \"b\"}"), of: map[string]int{"b": 2}},
	{name: "missing role in `roles:`", text: tasks("  roles: [nowhere]", "  tasks: [MARK]")},
	{name: "missing role in `import_role`", text: tasks("  tasks:", "  - import_role: {name: nowhere}", "  - MARK")},
	{name: "missing role in `include_role`", text: tasks("  tasks:", "  - include_role: {name: nowhere}", "  - MARK"), failed: "abcd", core: true},
	{name: "missing role in `include_role` on one host", failed: "b", core: true,
		text: tasks("  tasks:", "  - debug: {msg: first}", `  - {include_role: {name: nowhere}, when: inventory_hostname == "b"}`, "  - MARK")},
	{name: "missing file in `include_tasks` on one host", failed: "b",
		text: tasks("  tasks:", `  - {include_tasks: nowhere.yml, when: inventory_hostname == "b"}`, "  - MARK")},
	{name: "empty `hosts:`, then a play", text: "- hosts: nobody\n  PLAY\n  tasks: [MARK]\n" + tasks("  tasks: [MARK]")},
	{name: "undefined `hosts:` in the second play", marks: 2, broken: true,
		text: tasks("  tasks: [MARK]") + "- hosts: '{{ nowhere }}'\n  PLAY\n  tasks: [MARK]\n"},
	{name: "several plays, one host fails in the first", marks: 2, failed: "b",
		text: tasks("  tasks: [BREAK, MARK]") + tasks("  tasks: [MARK]")},
	{name: "several plays, all of one fail", marks: 2, of: map[string]int{"b": 3}, failed: "b", core: true,
		text: tasks("  tasks: [MARK]") + "- hosts: b\n  PLAY\n  tasks: [BREAK, MARK]\n" + tasks("  tasks: [MARK]")},
	{name: "several plays, one host's were over", marks: 2, of: map[string]int{"a": 1}, failed: "b",
		text: tasks("  tasks: [MARK]") + "- hosts: b\n  PLAY\n  tasks: [BREAK, MARK]\n- hosts: c:d\n  PLAY\n  tasks: [MARK]\n"},
}
