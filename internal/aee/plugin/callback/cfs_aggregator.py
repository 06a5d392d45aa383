"""Report what a playbook did to each host as that CFS component's state."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: cfs_aggregator
    type: aggregate
    short_description: reports component state to CFS
    description:
      - At the end of each playbook run, one call to CFS tells for every host
        that the run reached whether the layer was applied, failed or is incomplete.
      - The layer and the address of CFS come from the environment; without
        them nothing is reported.
    requirements:
      - enable in the configuration
"""

# What a lost answer may leave undone is done again: state_append replaces.
FIRST_PAUSE, LONGEST_PAUSE, CALL_TIMEOUT = 0.2, 10.0, 30.0
IDS_PER_QUERY = 200


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "cfs_aggregator"
    CALLBACK_NEEDS_ENABLED = True
    CALLBACK_NEEDS_WHITELIST = True  # its name before ansible-core 2.11

    def v2_playbook_on_stats(self, stats):
        url = os.environ.get("CFS_URL", "")
        if not url or os.environ.get("DISABLE_STATE_RECORDING", "").lower() == "true":
            return
        patches = component_patches(stats, os.environ)
        if not patches:
            return
        try:
            deadline = time.monotonic() + float(os.environ.get("CFS_REPORT_TIMEOUT", "300"))
            report(Service(url, deadline), patches, self._display.warning)
        except Exception as error:  # nothing may pass unnoticed: Ansible only warns
            note_unreported("cannot report the state of %d components to CFS: %s" % (len(patches), error))
            self._display.error("cfs_aggregator: %s" % error)


def component_patches(stats, env):
    """One patch for each host with any result in this run."""
    broken_off = bool(stats.custom.get("_run", {}).get("playbook_failed"))
    layer = {
        "clone_url": env.get("SESSION_CLONE_URL", ""),
        "playbook": env.get("SESSION_PLAYBOOK", ""),
        "commit": env.get("SESSION_COMMIT", ""),
        "session_name": env.get("SESSION_NAME", ""),
    }
    patches = []
    for host in sorted(stats.processed):
        summary = stats.summarize(host)
        if summary["failures"] or summary["unreachable"]:
            status = "failed"
        elif broken_off:
            status = "incomplete"
        else:
            status = "applied"
        patches.append({"id": host, "state_append": dict(layer, status=status)})
    return patches


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
    """CFS, tried again until the deadline while it does not answer."""

    def __init__(self, url, deadline):
        self.url = url
        self.deadline = deadline
        ca_file = os.environ.get("SSL_CAINFO")
        self.context = ssl.create_default_context(cafile=ca_file) if url.startswith("https:") else None

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        pause = FIRST_PAUSE
        while True:
            request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
            try:
                with urllib.request.urlopen(request, timeout=CALL_TIMEOUT, context=self.context) as answer:
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


def note_unreported(text):
    """Leave word for the ansible step, which then fails the session."""
    path = os.environ.get("CFS_UNREPORTED")
    if path:
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
