"""Record what each task came to on each host, for the session's results."""

from __future__ import annotations

import json
import os
import time

from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import strategy_loader

DOCUMENTATION = """
    name: cfs_results
    type: aggregate
    short_description: records results of tasks in the directory of the session's job
    description:
      - A line for each task is appended to tasks.jsonl, one for each result to
        results.jsonl, in the directory that the environment names. Without
        one nothing is recorded.
      - A line is written as soon as it is known and in one call, so that a
        killed Ansible leaves whole lines. Of results beyond the bound only
        those that went wrong are kept, and the others counted.
    requirements:
      - enable in the configuration
"""

MAX_MESSAGE = 2000  # characters of a message
MAX_NAME = 300  # of a task's or play's name
WRONG = ("failed", "unreachable", "ignored", "rescued")


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cfs_results"
    CALLBACK_NEEDS_ENABLED = True
    CALLBACK_NEEDS_WHITELIST = True  # its name before ansible-core 2.11

    def __init__(self):
        super().__init__()
        self.record = None
        self.play = ""
        self.ids = {}  # of tasks, by uuid and by what they are called
        self.begun = {}  # (host, uuid of the task): when
        self.stats = None  # Ansible's own counts
        self.rescues = {}  # host: those counted so far
        directory = os.environ.get("CFS_RESULTS", "")
        if directory:
            bound = int(os.environ.get("CFS_RESULTS_MAX", str(16 << 20)))
            self.record = Record(directory, bound, self._display.warning)
            self.layer = os.environ.get("LAYER_CURRENT", "0")
            self.watch(strategy_loader)
        else:
            self.disabled = True

    def watch(self, loader):
        """Find the counts, which tell a failure that was rescued, with the next strategy."""
        get = loader.get

        def get_watched(name, *args, **kwargs):
            if args:
                self.stats = getattr(args[0], "_stats", self.stats)
            return get(name, *args, **kwargs)

        loader.get = get_watched

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name().strip()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.task_id(task)  # now, while its name has no variables left

    def v2_playbook_on_handler_task_start(self, task):
        self.task_id(task)

    def v2_playbook_on_cleanup_task_start(self, task):
        self.task_id(task)

    def v2_runner_on_start(self, host, task):
        self.begun[host.name, task._uuid] = time.time()

    def v2_runner_on_ok(self, result):
        self.note(result, "changed" if content(result).get("changed") else "ok")

    def v2_runner_on_skipped(self, result):
        self.note(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        # With ignore_unreachable the host goes on; that is the sign of it.
        self.note(result, "ignored" if content(result).get("skip_reason") else "unreachable")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        host = host_of(result)
        rescued = self.stats.rescued.get(host, 0) if self.stats is not None else 0
        status = "ignored" if ignore_errors else "rescued" if rescued > self.rescues.get(host, 0) else "failed"
        self.rescues[host] = rescued
        self.note(result, status)

    def v2_playbook_on_stats(self, stats):
        self.record.close()

    def note(self, result, status):
        task, host, now = task_of(result), host_of(result), time.time()
        begun = self.begun.pop((host, task._uuid), now)
        line = [self.task_id(task), host, status, round(now, 3), round(now - begun, 3)]
        if status in WRONG:
            line.append(message(content(result)))
        self.record.result(line, status in WRONG)

    def task_id(self, task):
        """The task's number in the record; None if there is no room for it."""
        uuid = task._uuid
        if uuid in self.ids:
            return self.ids[uuid]
        name, path = task.get_name().strip()[:MAX_NAME], task.get_path() or ""
        called = (self.play, name, path)
        if called not in self.ids:
            number = "%s.%d" % (self.layer, self.record.tasks + 1)
            written = self.record.task({"id": number, "play": self.play[:MAX_NAME], "task": name, "path": path[-MAX_NAME:]})
            self.ids[called] = number if written else None
        self.ids[uuid] = self.ids[called]
        return self.ids[uuid]


class Record:
    """The two files, and how much may go into them.

    A file that cannot be written does not hurt the run: it is told once.
    """

    def __init__(self, directory, bound, warn):
        self.warn = warn
        os.makedirs(directory, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.results_file = os.open(os.path.join(directory, "results.jsonl"), flags, 0o600)
        self.tasks_file = os.open(os.path.join(directory, "tasks.jsonl"), flags, 0o600)
        self.room = bound - os.fstat(self.results_file).st_size  # for any result
        self.reserve = bound // 4  # and then for those that went wrong
        self.task_room = bound - os.fstat(self.tasks_file).st_size
        self.tasks = self.left_out = 0

    def task(self, line):
        text = encoded(line)
        if self.task_room < len(text):
            return False
        self.task_room -= len(text)
        self.tasks += 1
        return self.append(self.tasks_file, text)

    def result(self, line, wrong):
        text = encoded(line)
        room = self.room + (self.reserve if wrong else 0)
        if line[0] is None or room < len(text):
            self.left_out += 1
            return
        self.room -= len(text)
        if not self.append(self.results_file, text):
            self.left_out += 1

    def append(self, file, text):
        try:
            if os.write(file, text) == len(text):
                return True
            error = "there is no room for the whole line"
        except OSError as problem:
            error = problem
        if self.warn:
            self.warn("cfs_results: results of tasks are not recorded: %s" % error)
            self.warn = None
        return False

    def close(self):
        if self.left_out:
            self.append(self.tasks_file, encoded({"left_out": self.left_out}))


def encoded(line):
    return json.dumps(line, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


# Ansible 2.19 has names of its own for what were private fields.


def content(result):
    found = getattr(result, "result", None)
    return found if isinstance(found, dict) else result._result


def host_of(result):
    return (getattr(result, "host", None) or result._host).get_name()


def task_of(result):
    return getattr(result, "task", None) or result._task


def message(content):
    """Why, in the result's own words, and the end of what a program said."""
    parts = [text(content.get("msg")) or text(content.get("censored"))]
    for item in content.get("results") or []:
        if isinstance(item, dict) and (item.get("failed") or item.get("unreachable")):
            parts.append("item %s: %s" % (text(item.get("item")), text(item.get("msg"))))
    said = text(content.get("stderr")) or text(content.get("module_stderr")) or text(content.get("stdout")) or text(content.get("module_stdout"))
    if said and said not in parts[0]:
        parts.append(said[-MAX_MESSAGE // 2 :])
    return "\n".join(p for p in parts if p)[:MAX_MESSAGE]


def text(value):
    if value is None:
        return ""
    return (value if isinstance(value, str) else json.dumps(value, default=str)).strip()
