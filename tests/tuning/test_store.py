"""Trials on disk."""

import math
from pathlib import Path

import pytest

from codomyrmex_lab.errors import TuningError
from codomyrmex_lab.optimization.models import OptimizationConfig
from codomyrmex_lab.tuning.store import TrialStore
from codomyrmex_lab.tuning.trial import Trial

CONFIGS = [OptimizationConfig(max_batch_size=size) for size in (1, 2, 3)]


def test_trials_come_back_as_they_were(tmp_path: Path) -> None:
    trials = [
        Trial(CONFIGS[0], {"p99_ms": 0.1 + 0.2, "mean_ms": math.inf}, 7),
        Trial(CONFIGS[1], {"p99_ms": 5.0, "mean_ms": 1e-300}, 0),
    ]
    TrialStore(tmp_path / "store", "search").add(trials)
    found = TrialStore(tmp_path / "store", "search").trials_of(CONFIGS)
    assert found == {trial.config: trial for trial in trials}


def test_the_store_of_another_search_is_refused(tmp_path: Path) -> None:
    TrialStore(tmp_path / "store", "one")
    with pytest.raises(TuningError, match="holds a search of another workload, profile or seed"):
        TrialStore(tmp_path / "store", "other")


def test_a_file_that_is_no_store_is_kept_and_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("some notes that are no database at all", encoding="utf-8")
    with pytest.raises(TuningError, match=r"notes\.txt cannot be used as a store"):
        TrialStore(path, "search")
    assert path.read_text(encoding="utf-8").startswith("some notes")
    with pytest.raises(TuningError, match="cannot be used as a store"):
        TrialStore(tmp_path / "nowhere" / "store", "search")
