"""Small traffic and models that behave well, slowly or badly."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codomyrmex_lab.dashboards import TuningDashboard
from codomyrmex_lab.workloads import Workload

WAIT_S = 60.0


def double(inputs: list[int]) -> list[int]:
    """A model that works."""
    return [2 * value for value in inputs]


@pytest.fixture
def workload() -> Workload:
    """200 requests of 20 keys, 1,000 a second."""
    return Workload.poisson(1_000.0, 200, n_keys=20, zipf_exponent=1.1, seed=1)


@pytest.fixture
def open_dashboard(workload: Workload) -> Iterator[Callable[..., TuningDashboard]]:
    """Open screens that are closed at the end, and check that they leave no thread."""
    before = set(threading.enumerate())
    opened: list[TuningDashboard] = []

    def open_one(model: Any = double, *arguments: Any, **settings: Any) -> TuningDashboard:
        opened.append(
            TuningDashboard(model, *(arguments or (workload,)), **{"speed": 1.0, **settings})
        )
        return opened[-1]

    yield open_one
    for dashboard in opened:
        dashboard.close()
    assert set(threading.enumerate()) <= before


@pytest.fixture(scope="session")
def digits(repository: Path) -> tuple[Path, list[np.ndarray]]:
    """The shipped model's file and some of its inputs."""
    rows = np.loadtxt(
        repository / "data" / "digits_heldout.csv", delimiter=",", skiprows=1, max_rows=64
    )
    return repository / "data" / "digits.onnx", list(rows[:, :64].astype(np.float32))
