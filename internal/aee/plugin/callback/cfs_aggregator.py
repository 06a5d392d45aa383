"""Report how far each host got in a playbook as that CFS component's state."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from ansible.executor.play_iterator import IteratingStates
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import strategy_loader

DOCUMENTATION = """
    name: cfs_aggregator
    type: aggregate
    short_description: reports component state to CFS
    description:
      - At the end of each playbook run, one call to CFS tells for every host
        that the run reached whether the layer was applied, failed or is incomplete.
      - Applied is a host that got to the end of each of its plays, whatever
        strategy a play or the configuration names.
      - The layer and the address of CFS come from the environment; without
        them nothing is reported.
    requirements:
      - enable in the configuration
"""

# What a lost answer may leave undone is done again: state_append replaces.
FIRST_PAUSE, LONGEST_PAUSE, CALL_TIMEOUT = 0.2, 10.0, 30.0
IDS_PER_QUERY = 200

# What a host's run of the layer came to, the worst last.
APPLIED, INCOMPLETE, FAILED = STATUSES = ("applied", "incomplete", "failed")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cfs_aggregator"
    CALLBACK_NEEDS_ENABLED = True
    CALLBACK_NEEDS_WHITELIST = True  # its name before ansible-core 2.11

    def __init__(self):
        super().__init__()
        self.course = Course()
        self.url = os.environ.get("CFS_URL", "")
        if os.environ.get("DISABLE_STATE_RECORDING", "").lower() == "true":
            self.url = ""
        if self.url:
            self.course.watch(strategy_loader)

    def v2_playbook_on_start(self, playbook):
        self.course.plays = playbook.get_plays()

    def v2_playbook_on_play_start(self, play):
        self.course.begun.add(play._uuid)

    def v2_playbook_on_stats(self, stats):
        if not self.url:
            return
        count = 0
        try:
            patches = component_patches(self.course.statuses(stats), os.environ)
            count = len(patches)
            deadline = time.monotonic() + float(os.environ.get("CFS_REPORT_TIMEOUT", "300"))
            if patches:
                report(Service(self.url, deadline), patches, self._display.warning)
            note_reported()
        except Exception as error:  # nothing may pass unnoticed: Ansible only warns
            note_unreported("cannot report the state of %d components to CFS: %s" % (count, error))
            self._display.error("cfs_aggregator: %s" % error)


class Course:
    """How far hosts got, as the strategy of each play left them.

    Statistics do not tell: a play that is broken off leaves hosts without a
    failure that never ran its tasks, a host whose error was cleared has one and
    ran them all. Which of the ways Ansible has to mark a host depends on its
    version, so all are looked at, and the iterator must have no task left.
    """

    def __init__(self):
        self.plays = []  # of the playbook
        self.begun = set()  # the ids of those that started
        self.left = {}  # id of a play: its hosts of batches that did not run
        self.worst = {}  # host: the worst that a play came to
        self.inventory = None

    def watch(self, loader):
        """Look at the hosts after each run of any strategy of the loader."""
        get = loader.get

        def get_watched(name, *args, **kwargs):
            strategy = get(name, *args, **kwargs)
            if args and hasattr(strategy, "run"):
                strategy.run = self.watched(strategy.run, args[0])
            return strategy

        loader.get = get_watched

    def watched(self, run, tqm):
        def observed(iterator, play_context):
            play, self.inventory = iterator._play, tqm._inventory
            if play._uuid not in self.left:
                self.left[play._uuid] = set(self.hosts(play, ignore_restrictions=True))
            batch = self.hosts(play)
            before = {name: troubles(tqm._stats, name) for name in batch}
            cut_off = watch_clearing(iterator)
            result = run(iterator, play_context)
            broken_off = bool((result or 0) & tqm.RUN_FAILED_BREAK_PLAY)
            troubled = {name for name in batch if troubles(tqm._stats, name) > before[name]}
            for name, host in batch.items():
                self.note(name, outcome(name, name in cut_off or stopped(host, iterator, tqm), troubled, broken_off))
            # The playbook's own end_play is the end for batches to come as well.
            self.left[play._uuid] = set() if iterator.end_play else self.left[play._uuid] - set(batch)
            return result

        return observed

    def hosts(self, play, **kwargs):
        return {host.name: host for host in self.inventory.get_hosts(play.hosts, **kwargs)}

    def note(self, name, status):
        self.worst[name] = max(self.worst.get(name, APPLIED), status, key=STATUSES.index)

    def statuses(self, stats):
        """The status of each host with a result or a failure of its own."""
        reached = set(stats.processed) | {name for name, status in self.worst.items() if status == FAILED}
        for name in set(stats.processed) - set(self.worst):  # in no strategy's run: nobody saw its end
            self.note(name, FAILED if troubles(stats, name) else INCOMPLETE)
        for name in reached & self.never_run():
            self.note(name, INCOMPLETE)
        return {name: self.worst[name] for name in sorted(reached)}

    def never_run(self):
        """The hosts of plays and batches that the playbook did not come to."""
        names = set().union(*self.left.values())
        for play in self.plays:
            if play._uuid not in self.begun and self.inventory is not None:
                if any("{" in pattern for pattern in play.hosts):  # what it would be is not known now
                    return {host.name for host in self.inventory.get_hosts("all", ignore_restrictions=True)}
                names.update(self.hosts(play, ignore_restrictions=True))
        return names


def watch_clearing(iterator):
    """The hosts, as they come, whose error is cleared when they are through.

    A failed host that is in no block with more to do is through with the play.
    clear_host_errors takes its error away but does not bring its tasks back.
    """
    cut_off, clear = set(), iterator.clear_host_errors

    def observed(host):
        if host.name in iterator.get_failed_hosts() and iterator.get_host_state(host).run_state == IteratingStates.COMPLETE:
            cut_off.add(host.name)
        return clear(host)

    iterator.clear_host_errors = observed
    return cut_off


def stopped(host, iterator, tqm):
    """Whether the host did not get to the end of the play that was run."""
    if host.name in iterator.get_failed_hosts() or host.name in tqm._unreachable_hosts:
        return True
    return iterator.get_next_task_for_host(host, peek=True)[1] is not None


def outcome(name, is_stopped, troubled, broken_off):
    if not is_stopped and not broken_off:
        return APPLIED
    # Stopped with no failure counted for anybody: its own, which some versions
    # do not count. With another's: that broke the play off.
    if name in troubled or is_stopped and not troubled and not broken_off:
        return FAILED
    return INCOMPLETE


def troubles(stats, name):
    summary = stats.summarize(name)
    return summary["failures"] + summary["unreachable"]


def component_patches(statuses, env):
    """One patch for each host."""
    layer = {
        "clone_url": env.get("SESSION_CLONE_URL", ""),
        "playbook": env.get("SESSION_PLAYBOOK", ""),
        "commit": env.get("SESSION_COMMIT", ""),
        "session_name": env.get("SESSION_NAME", ""),
    }
    return [{"id": name, "state_append": dict(layer, status=status)} for name, status in statuses.items()]


def report(cfs, patches, warn):
    """Send all patches in one call; leave out hosts that CFS does not know."""
    try:
        cfs.call("PATCH", "/components?count_errors=true", patches)
        return
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
    known = known_ids(cfs, [p["id"] for p in patches])
    unknown = [p["id"] for p in patches if p["id"] not in known]
    warn("cfs_aggregator: not components of CFS, so not reported: %s" % ", ".join(unknown))
    patches = [p for p in patches if p["id"] in known]
    if patches:
        cfs.call("PATCH", "/components?count_errors=true", patches)


def known_ids(cfs, ids):
    known = set()
    for start in range(0, len(ids), IDS_PER_QUERY):
        chunk = ids[start : start + IDS_PER_QUERY]
        query = urllib.parse.urlencode({"ids": ",".join(chunk), "limit": len(chunk)})
        known.update(c["id"] for c in cfs.call("GET", "/components?" + query)["components"])
    return known


class Service:
    """CFS, tried again until the deadline while it does not answer.

    It is called directly: a proxy that the environment names is for what
    playbooks fetch, and need not know the way to the site's own server.
    """

    def __init__(self, url, deadline):
        self.url = url
        self.deadline = deadline
        self.headers = {"Content-Type": "application/json"}
        if os.environ.get("CFS_TOKEN"):
            self.headers["Authorization"] = "Bearer " + os.environ["CFS_TOKEN"]
        ca_file = os.environ.get("SSL_CAINFO")
        handlers = [urllib.request.ProxyHandler({})]
        if url.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
        self.opener = urllib.request.build_opener(*handlers)

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        pause = FIRST_PAUSE
        while True:
            request = urllib.request.Request(self.url + path, data, self.headers, method=method)
            try:
                with self.opener.open(request, timeout=CALL_TIMEOUT) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code not in (408, 429):
                    error.msg += ": " + error.read(2000).decode("utf-8", "replace")
                    raise
                problem = error
            except (OSError, ValueError) as error:  # no connection, timeout, half an answer
                problem = error
            if time.monotonic() + pause > self.deadline:
                raise problem
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def note_reported():
    """Tell the ansible step, which put the file there, that CFS has it all."""
    path = os.environ.get("CFS_UNREPORTED")
    if path and os.path.exists(path):
        os.remove(path)


def note_unreported(text):
    """Tell the ansible step why not, which then fails the session."""
    path = os.environ.get("CFS_UNREPORTED")
    if path:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
