"""Traces whose figures are known."""

import pytest

from codomyrmex_lab.tracing import Trace
from tests.plots.traces import build_trace


@pytest.fixture
def hundred() -> Trace:
    """Latencies 1 to 100 ms; the second half from the cache."""
    return build_trace([float(n) for n in range(1, 101)], from_cache=[False] * 50 + [True] * 50)


@pytest.fixture
def empty() -> Trace:
    """Nothing happened."""
    return build_trace([])
