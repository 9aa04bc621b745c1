"""Requests to offer to an engine: where they come from, and how they are replayed."""

from codomyrmex_lab.workloads.keys import KeySampler, Zipf
from codomyrmex_lab.workloads.replay import replay
from codomyrmex_lab.workloads.workload import Workload

__all__ = ["KeySampler", "Workload", "Zipf", "replay"]
