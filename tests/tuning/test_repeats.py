"""Configs that need no run of their own, against the runs that they would have had."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig
from codomyrmex_lab.simulation import Simulator
from codomyrmex_lab.tuning.repeats import Repeats
from codomyrmex_lab.tuning.trial import Trial, run_trials
from codomyrmex_lab.workloads import Workload
from tests.tuning.cases import affine_profile, traffic

SIZES = range(1, 17)


@settings(max_examples=40, deadline=None)
@given(
    rate_rps=st.sampled_from([50, 400, 2000, 9000]),
    strategy=st.sampled_from(BatchingStrategy),
    timeout_ms=st.sampled_from([0.0, 0.7, 3.0, 50.0]),
    n_workers=st.integers(1, 2),
    enable_caching=st.booleans(),
    n_priorities=st.integers(1, 2),
)
def test_what_is_answered_is_what_a_run_would_have_given(
    rate_rps: float,
    strategy: BatchingStrategy,
    timeout_ms: float,
    n_workers: int,
    enable_caching: bool,
    n_priorities: int,
) -> None:
    workload = traffic(rate_rps, 150)
    priorities = np.arange(len(workload)) % n_priorities
    workload = Workload(workload.arrival_s, workload.key_codes, None, priorities)
    configs = [
        OptimizationConfig(
            max_batch_size=size,
            batching_strategy=strategy,
            batch_timeout_ms=timeout_ms,
            num_workers=n_workers,
            enable_caching=enable_caching,
            cache_max_size=20,
        )
        for size in SIZES
    ]
    simulator = Simulator(workload, affine_profile(residuals=(0.7, 1.0, 1.6)), seed=3)
    trials = run_trials(simulator, configs)
    repeats = Repeats(workload)
    repeats.learn(trials[-1:])
    for config, trial in zip(configs[:-1], trials, strict=False):
        assert repeats.answer(config) in (None, trial)
        if (
            strategy is not BatchingStrategy.ADAPTIVE
            and trials[-1].largest_batch < trial.config.max_batch_size
        ):
            assert repeats.answer(config) is not None


def trial(largest_batch: int, **settings: object) -> Trial:
    config = OptimizationConfig(max_batch_size=16).replace(**settings)
    return Trial(config, {"p99_ms": 1.0}, largest_batch)


def test_of_each_kind_the_largest_is_run_first_and_then_the_rest() -> None:
    repeats = Repeats(traffic(n_requests=10))
    configs = [
        OptimizationConfig(max_batch_size=size, num_workers=n) for n in (1, 2) for size in SIZES
    ]
    first = repeats.first(configs)
    assert [(one.num_workers, one.max_batch_size) for one in first] == [(1, 16), (2, 16)]
    repeats.learn([trial(5, num_workers=1), trial(16, num_workers=2)])
    answered = [config for config in configs if repeats.answer(config)]
    assert [(one.num_workers, one.max_batch_size) for one in answered] == [
        (1, size) for size in range(6, 17)
    ]
    rest = [config for config in configs if config not in answered]
    assert repeats.first(rest) == rest


@pytest.mark.parametrize(
    "settings", [{"max_queue_size": 100}, {"batching_strategy": BatchingStrategy.ADAPTIVE}]
)
def test_where_the_size_matters_otherwise_nothing_is_answered(settings: dict[str, object]) -> None:
    repeats = Repeats(traffic(n_requests=10))
    known = trial(2, **settings)
    repeats.learn([known])
    assert repeats.answer(known.config.replace(max_batch_size=8)) is None


def test_with_deadlines_nothing_is_answered() -> None:
    columns = pd.DataFrame({"timeout_ms": np.ones(10)})
    repeats = Repeats(Workload(np.arange(10.0), columns=columns))
    repeats.learn([trial(2)])
    assert repeats.answer(OptimizationConfig(max_batch_size=8)) is None
