"""The free strategy under the name that configurations for CFS give it."""

from __future__ import annotations

from ansible.plugins.strategy.free import StrategyModule as FreeStrategy

DOCUMENTATION = """
    name: cfs_free
    short_description: free, for CFS
    description:
      - Runs tasks as free does. How far hosts got is seen by the callback
        cfs_aggregator, under this strategy and any other.
"""


class StrategyModule(FreeStrategy):
    pass
