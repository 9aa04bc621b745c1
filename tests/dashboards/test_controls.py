"""The controls hold exactly one config, and say which settings have no effect."""

import os
import threading
from dataclasses import fields

import pytest
from traitlets import TraitError

from codomyrmex_lab.dashboards.controls import ConfigControls, effect_notes
from codomyrmex_lab.dashboards.scales import logarithmic_positions
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)


class Heard:
    """What the controls told."""

    def __init__(self) -> None:
        self.configs: list[OptimizationConfig] = []
        self.refusals: list[str] = []


def make_controls(
    config: OptimizationConfig | None = None,
    missing: dict[QuantizationType, str] | None = None,
    heard: Heard | None = None,
) -> ConfigControls:
    heard = heard or Heard()
    return ConfigControls(
        config or OptimizationConfig(), missing or {}, heard.configs.append, heard.refusals.append
    )


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def controls(heard: Heard) -> ConfigControls:
    return make_controls(heard=heard)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (OptimizationConfig(), "lone request waits the whole 100 ms"),
        (OptimizationConfig(batching_strategy=BatchingStrategy.FIXED), "until 32 have come"),
        (OptimizationConfig(batching_strategy=BatchingStrategy.ADAPTIVE), None),
        (OptimizationConfig(max_batch_size=1), None),
        (OptimizationConfig(batch_timeout_ms=0.0), None),
    ],
)
def test_it_says_what_a_lone_request_pays(config: OptimizationConfig, says: str | None) -> None:
    notes = make_controls(config).notes
    assert (says in notes) if says else "lone request" not in notes and "have come" not in notes


def test_settings_without_a_control_stay_as_they_were_given(heard: Heard) -> None:
    config = OptimizationConfig(max_queue_size=50, processor_timeout_ms=500.0)
    controls = make_controls(config, heard=heard)
    controls.settings["num_workers"].value = 2
    assert controls.config == config.replace(num_workers=2)


def test_every_control_is_labelled_and_sets_a_field(controls: ConfigControls) -> None:
    assert set(controls.settings) <= {f.name for f in fields(OptimizationConfig)}
    for widget in controls.settings.values():
        assert widget.description
        assert widget.tooltip


def test_they_begin_where_the_config_is() -> None:
    config = OptimizationConfig(
        QuantizationType.INT8, 300, 7.77, False, 123_456, 64, BatchingStrategy.ADAPTIVE, 33.3
    )
    controls = make_controls(config)
    assert controls.config == config
    for name, widget in controls.settings.items():
        assert widget.value == getattr(config, name), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_batch_size", 64),
        ("batch_timeout_ms", 0.0),
        ("batch_timeout_ms", 5.0),
        ("enable_caching", False),
        ("cache_max_size", 100_000),
        ("num_workers", 1),
        ("batching_strategy", BatchingStrategy.FIXED),
        ("latency_target_ms", 50.0),
        ("quantization", QuantizationType.INT4),
    ],
)
def test_a_moved_control_changes_the_config(
    controls: ConfigControls, heard: Heard, name: str, value: object
) -> None:
    controls.settings[name].value = value
    assert controls.config == OptimizationConfig().replace(**{name: value})
    assert heard.configs == [controls.config]


def test_no_target_is_a_position_of_its_own(controls: ConfigControls) -> None:
    target = controls.settings["latency_target_ms"]
    assert (target.label, controls.config.latency_target_ms) == ("none", None)
    controls.show(OptimizationConfig(latency_target_ms=20.0))
    assert target.label == "20"
    target.label = "none"
    assert controls.config.latency_target_ms is None


def test_showing_a_config_moves_all_controls_in_one_step(
    controls: ConfigControls, heard: Heard
) -> None:
    config = OptimizationConfig(max_batch_size=500, batch_timeout_ms=12.34, num_workers=2)
    controls.show(config)
    assert heard.configs == [config]
    assert controls.settings["batch_timeout_ms"].value == 12.34
    labels = [label for label, _ in controls.settings["batch_timeout_ms"].options]
    assert labels.index("12.34") == labels.index("10") + 1


def test_a_position_that_is_not_there_is_refused_and_nothing_changes(
    controls: ConfigControls,
) -> None:
    with pytest.raises(TraitError):
        controls.settings["cache_max_size"].value = 0
    controls.settings["max_batch_size"].value = -4
    assert controls.config.cache_max_size == 1000
    assert controls.config.max_batch_size == 1


def test_a_refused_setting_is_reported_and_the_config_stays(
    controls: ConfigControls, heard: Heard
) -> None:
    controls.settings["max_batch_size"].min = -5
    controls.settings["max_batch_size"].value = -4
    assert len(heard.refusals) == 1
    assert "max_batch_size is -4" in heard.refusals[0]
    assert controls.config == OptimizationConfig()
    controls.settings["max_batch_size"].value = 8
    assert len(heard.refusals) == 1
    assert controls.config.max_batch_size == 8


@pytest.mark.parametrize(
    ("config", "without_effect"),
    [
        (OptimizationConfig(), {"latency_target_ms"}),
        (
            OptimizationConfig(batching_strategy=BatchingStrategy.FIXED),
            {"batch_timeout_ms", "latency_target_ms"},
        ),
        (OptimizationConfig(batching_strategy=BatchingStrategy.ADAPTIVE), set()),
        (OptimizationConfig(enable_caching=False), {"cache_max_size", "latency_target_ms"}),
        (OptimizationConfig(max_batch_size=1), {"batch_timeout_ms", "latency_target_ms"}),
    ],
)
def test_a_setting_without_effect_is_disabled_and_says_so(
    config: OptimizationConfig, without_effect: set[str]
) -> None:
    controls = make_controls(config)
    assert set(effect_notes(config)) == without_effect
    disabled = {name for name, widget in controls.settings.items() if widget.disabled}
    assert disabled == without_effect
    for name in without_effect:
        assert controls.settings[name].description in controls.notes


def test_missing_variants_are_marked_with_the_reason() -> None:
    controls = make_controls(missing={QuantizationType.INT4: "no <kernel>"})
    labels = {q: label for label, q in controls.settings["quantization"].options}
    assert labels[QuantizationType.INT4] == "INT4 (not available)"
    assert labels[QuantizationType.INT8] == "INT8"
    assert "INT4 is not available: no &lt;kernel&gt;" in controls.notes
    assert not controls.settings["quantization"].disabled


def test_a_model_with_one_variant_leaves_no_choice() -> None:
    missing = {q: "why" for q in QuantizationType if q is not QuantizationType.FP32}
    controls = make_controls(missing=missing)
    assert controls.settings["quantization"].disabled


def test_a_variant_found_missing_later_stays_selected(
    controls: ConfigControls, heard: Heard
) -> None:
    controls.settings["quantization"].value = QuantizationType.INT4
    controls.mark_missing(QuantizationType.INT4, "cannot be converted")
    assert controls.settings["quantization"].value is QuantizationType.INT4
    assert "cannot be converted" in controls.notes
    assert heard.configs == [controls.config]


def test_controls_moved_on_several_threads_end_up_in_the_config(
    controls: ConfigControls, heard: Heard
) -> None:
    def move(name: str, values: list[int]) -> None:
        for value in values:
            controls.settings[name].value = value

    threads = [
        threading.Thread(target=move, args=("max_batch_size", list(range(1, 60)))),
        threading.Thread(target=move, args=("num_workers", [1, 2, 3, 4] * 15)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (controls.config.max_batch_size, controls.config.num_workers) == (59, 4)
    assert heard.configs[-1] == controls.config


def test_positions_are_round_numbers_in_order() -> None:
    positions = logarithmic_positions(0.1, 100)
    assert positions[0] == 0.1
    assert positions[-1] == 100
    assert positions == sorted(set(positions))
    assert {0.15, 0.5, 1.0, 20.0, 50.0} <= set(positions)
    assert len(positions) == 19


MOST_WORKERS = max(8, os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("name", "from_value", "to_value", "by_key"),
    [
        ("max_batch_size", 8, 11, [14, 12, 10, 16, 6, 1, 128]),
        ("max_batch_size", 8, 5, [2, 6, 4, 10, 1, 128]),
        ("batch_timeout_ms", 1.0, 1.5, [2.0, 1.0, 10.0, 0.2, 0.0, 1000.0]),
        ("latency_target_ms", 1.5, 1.0, [None, 1.5, 7.0, 1000.0]),
        ("num_workers", 2, 1, [2, 6, MOST_WORKERS]),
    ],
)
def test_what_keys_make_of_the_slider_that_moved_last_lies_ahead(
    name: str, from_value: object, to_value: object, by_key: list[object]
) -> None:
    controls = make_controls(OptimizationConfig(**{name: from_value}))
    controls.settings[name].value = to_value
    assert [getattr(one, name) for one in controls.ahead()] == by_key
    controls.show(OptimizationConfig(max_batch_size=7))
    assert controls.ahead() == []


@pytest.mark.parametrize(
    ("slider", "place", "name", "configs"),
    [
        ("Batch size", 40, "max_batch_size", [41]),
        ("Batch size", 31, "max_batch_size", [33, 31, 37, 27, 1, 128]),
        ("Timeout (ms)", 0, "batch_timeout_ms", [0.0]),
        ("Workers", MOST_WORKERS - 1, "num_workers", [MOST_WORKERS]),
        ("Target (ms)", 0, "latency_target_ms", [1.0, 5.0, 1000.0]),
    ],
)
def test_a_pointer_aims_at_its_place_and_keys_lead_on_from_where_the_handle_stands(
    slider: str, place: int, name: str, configs: list[object]
) -> None:
    before = OptimizationConfig(num_workers=1)
    aimed = make_controls(before).aimed(slider, place)
    assert aimed == [before.replace(**{name: value}) for value in configs]


@pytest.mark.parametrize(
    ("slider", "place"),
    [("Batch size", 128), ("Batch size", -1), ("Load (×)", 3), ("Strategy", 0), ("", 0)],
)
def test_nothing_comes_of_what_is_no_place_of_a_slider(slider: str, place: int) -> None:
    assert make_controls().aimed(slider, place) == []
