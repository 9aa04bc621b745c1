"""Candidates: all combinations, none twice."""

import pytest

from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.tuning import SearchSpace
from codomyrmex_lab.tuning.space import simplicity
from tests.tuning.cases import SPACE, affine_profile, traffic


def test_every_config_comes_once_and_differs_in_effect() -> None:
    configs = list(SearchSpace(SPACE))
    assert len(set(configs)) == len(configs)
    # a batch of one has no wait, and without a cache there is no size of it
    assert len(configs) == 2 * (1 + 3 * 3) * 2 * (1 + 2)
    assert all(c.batch_timeout_ms == 0 for c in configs if c.max_batch_size == 1)
    assert all(c.cache_max_size == 1000 for c in configs if not c.enable_caching)


def test_neighbours_are_one_step_of_one_setting_away() -> None:
    space = SearchSpace(SPACE)
    config = OptimizationConfig(
        max_batch_size=8, batch_timeout_ms=1.0, num_workers=1, cache_max_size=50
    )
    changed = [
        {name for name in SPACE if getattr(one, name) != getattr(config, name)}
        for one in space.neighbours(config)
    ]
    assert sorted(map(sorted, changed)) == sorted(
        [
            ["quantization"],
            *[["max_batch_size"]] * 2,
            *[["batch_timeout_ms"]] * 2,
            ["num_workers"],
            ["cache_max_size", "enable_caching"],
            ["cache_max_size"],
        ]
    )


def test_the_default_space_stays_within_the_profile() -> None:
    profile = affine_profile()
    configs = list(SearchSpace.around(traffic(), profile))
    assert all(profile.covers(config) for config in configs)
    assert {config.max_batch_size for config in configs} == {1, 2, 4, 8, 16}
    assert BatchingStrategy.FIXED not in {config.batching_strategy for config in configs}


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"batch_size": [1]}, "Unknown setting 'batch_size'"),
        ({"max_batch_size": []}, "no value for max_batch_size"),
        ({"max_batch_size": 8}, "space has 8 for max_batch_size; expected a list"),
        ({"max_batch_size": "8"}, "expected a list of values"),
        ({"max_batch_size": [8, 0]}, "max_batch_size is 0"),
        ({"quantization": ["int8"]}, "quantization is 'int8'"),
    ],
)
def test_a_wrong_space_is_one_sentence(values: dict[str, object], part: str) -> None:
    with pytest.raises(SettingError) as error:
        SearchSpace(values)  # type: ignore[arg-type]
    assert part in str(error.value)


def test_simple_comes_before_complicated() -> None:
    simple = OptimizationConfig(enable_caching=False, num_workers=1, max_batch_size=1)
    for change in (
        {"quantization": QuantizationType.INT8},
        {"batching_strategy": BatchingStrategy.ADAPTIVE},
        {"enable_caching": True},
        {"num_workers": 2},
        {"max_batch_size": 2},
    ):
        assert simplicity(simple) < simplicity(simple.replace(**change))
