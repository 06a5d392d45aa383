"""The free strategy, which also records that a play was broken off."""

from __future__ import annotations

from ansible.plugins.strategy.free import StrategyModule as FreeStrategy

DOCUMENTATION = """
    name: cfs_free
    short_description: free, for CFS
    description:
      - Runs tasks as free does. When any_errors_fatal or max_fail_percentage
        breaks a play off, the run's custom stat playbook_failed is set, so that
        hosts without failures are reported as incomplete, not as applied.
"""


class StrategyModule(FreeStrategy):
    def run(self, iterator, play_context):
        result = super().run(iterator, play_context)
        if result is not False and result & self._tqm.RUN_FAILED_BREAK_PLAY:
            self._tqm._stats.set_custom_stats("playbook_failed", True)
        return result
