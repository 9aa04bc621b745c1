"""Small traffic, a profile that needs no measuring, and models that behave well or badly."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from codomyrmex_lab.dashboards.screen import Screen
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.workloads import Workload

WAIT_S = 60.0

Open = Callable[..., Any]


def double(inputs: list[int]) -> list[int]:
    """A model that works."""
    return [2 * value for value in inputs]


def made_profile(*quantizations: QuantizationType, service_ms: float = 0.5) -> ServiceProfile:
    """A profile of a model whose batches take a fixed time and a little per request."""
    rows = [
        {
            "quantization": quantization.value,
            "busy_workers": busy,
            "batch_size": size,
            "cost": 0.0,
            "service_ms": (service_ms + 0.02 * size) * busy,
            "ci_low_ms": (service_ms + 0.02 * size) * busy * 0.95,
            "ci_high_ms": (service_ms + 0.02 * size) * busy * 1.05,
            "n_samples": 50,
        }
        for quantization in quantizations or (QuantizationType.FP32,)
        for busy in (1, 2, 4)
        for size in (1, 8, 64)
    ]
    return ServiceProfile(pd.DataFrame(rows), np.array([0.9, 1.0, 1.1]))


@pytest.fixture
def profile() -> ServiceProfile:
    """Of one variant."""
    return made_profile()


@pytest.fixture
def workload() -> Workload:
    """200 requests of 20 keys, 1,000 a second."""
    return Workload.poisson(1_000.0, 200, n_keys=20, zipf_exponent=1.1, seed=1)


@pytest.fixture
def opened() -> Iterator[Callable[[Screen], Screen]]:
    """Note screens to be closed at the end, and check that they leave no thread."""
    before = set(threading.enumerate())
    screens: list[Screen] = []

    def note(screen: Screen) -> Screen:
        screens.append(screen)
        return screen

    yield note
    for screen in screens:
        screen.close()
    assert set(threading.enumerate()) <= before
