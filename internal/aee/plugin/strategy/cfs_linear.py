"""The linear strategy under the name that configurations for CFS give it."""

from __future__ import annotations

from ansible.plugins.strategy.linear import StrategyModule as LinearStrategy

DOCUMENTATION = """
    name: cfs_linear
    short_description: linear, for CFS
    description:
      - Runs tasks as linear does. How far hosts got is seen by the callback
        cfs_aggregator, under this strategy and any other.
"""


class StrategyModule(LinearStrategy):
    pass
