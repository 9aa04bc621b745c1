"""Configs to text and files, and back."""

import json
import os
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export import FORMAT_VERSION, TARGETS, export, load_config, parse_config
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from tests.export.configs import configs

targets = pytest.mark.parametrize("target", ["json", "toml", "yaml"])


def assert_one_sentence(error: pytest.ExceptionInfo[ConfigFileError]) -> None:
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < 400


@targets
@settings(max_examples=60, deadline=None)
@given(config=configs)
def test_every_config_comes_back_exactly(target: str, config: OptimizationConfig) -> None:
    back = parse_config(export(config, target), target)
    assert back == config
    for f in fields(config):
        assert type(getattr(back, f.name)) is type(getattr(config, f.name)), f.name
    assert repr(back) == repr(config)


def test_the_strategy_above_sets_every_field() -> None:
    changed = OptimizationConfig(
        QuantizationType.INT8,
        3,
        0.1,
        False,
        7,
        2,
        BatchingStrategy.ADAPTIVE,
        12.5,
        500.0,
        20,
        QueueFullAction.REJECT,
        60.0,
        10_000,
        250.0,
    )
    assert all(getattr(changed, f.name) != f.default for f in fields(changed))


def test_a_setting_that_may_be_none_is_none_by_default() -> None:
    """TOML leaves None out, so a left out field must mean None wherever None is allowed."""
    nullable = [f for f in fields(OptimizationConfig) if "None" in str(f.type)]
    assert nullable
    assert all(f.default is None for f in nullable)
    assert all(f.default is not MISSING for f in fields(OptimizationConfig))


@targets
def test_a_file_comes_back_and_its_ending_names_the_target(target: str, tmp_path: Path) -> None:
    config = OptimizationConfig(batch_timeout_ms=0.1 + 0.2, latency_target_ms=1e-7)
    for suffix in TARGETS[target].suffixes:
        path = tmp_path / f"config{suffix}"
        text = export(config, path=path)
        assert path.read_text(encoding="utf-8") == text == export(config, target)
        assert load_config(str(path)) == config
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


def test_the_text_carries_the_version_and_enums_by_value() -> None:
    record = json.loads(export(OptimizationConfig(), "json"))
    assert record["version"] == FORMAT_VERSION == 1
    assert record["quantization"] == "fp32"
    assert record["batching_strategy"] == "dynamic"
    assert list(record)[1:] == [f.name for f in fields(OptimizationConfig)]


@targets
def test_a_numpy_float_is_written_as_a_number(target: str) -> None:
    config = OptimizationConfig(batch_timeout_ms=np.float64(2.5))
    assert parse_config(export(config, target), target).batch_timeout_ms == 2.5


def test_a_field_left_out_takes_its_default() -> None:
    config = parse_config("version = 1\nmax_batch_size = 8\n", "toml")
    assert config == OptimizationConfig(max_batch_size=8)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + export(OptimizationConfig(), "json").encode())
    assert load_config(path) == OptimizationConfig()


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ('"max_batch_size": "32"', ["max_batch_size", "'32' (text)", "a whole number"]),
        ('"max_batch_size": 32.0', ["max_batch_size", "32.0", "a whole number"]),
        ('"max_batch_size": true', ["max_batch_size", "True", "a whole number"]),
        ('"max_batch_size": null', ["max_batch_size", "None", "a whole number"]),
        ('"max_batch_size": 0', ["max_batch_size", "0", "at least 1"]),
        ('"batch_timeout_ms": "5"', ["batch_timeout_ms", "'5' (text)", "a number"]),
        ('"batch_timeout_ms": false', ["batch_timeout_ms", "False", "a number"]),
        ('"batch_timeout_ms": -1', ["batch_timeout_ms", "-1", "at least 0"]),
        ('"batch_timeout_ms": 1e999', ["batch_timeout_ms", "inf", "finite"]),
        ('"enable_caching": 1', ["enable_caching", "1 (a number)", "true or false"]),
        ('"latency_target_ms": [1]', ["latency_target_ms", "[1]", "a number"]),
        ('"quantization": "FP64"', ["quantization", "'FP64'", "'fp32', 'fp16'"]),
        ('"quantization": 8', ["quantization", "8 (a number)", "'int8'"]),
        ('"batchsize": 8', ["unknown field 'batchsize'", "max_batch_size"]),
    ],
)
def test_a_wrong_field_is_named_with_what_was_given_and_expected(
    line: str, parts: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "config.json"
    path.write_text(f'{{"version": 1, {line}}}', encoding="utf-8")
    with pytest.raises(ConfigFileError) as error:
        load_config(path)
    assert_one_sentence(error)
    for part in [str(path), *parts]:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("version", "part"),
    [
        ("2", "newer than the 1"),
        ("0", "0 (a number)"),
        ('"1"', "'1' (text)"),
        ("true", "True"),
        ("1.0", "1.0"),
        ("null", "None"),
    ],
)
def test_another_version_is_refused(version: str, part: str) -> None:
    with pytest.raises(ConfigFileError, match="version is") as error:
        parse_config(f'{{"version": {version}}}', "json")
    assert part in str(error.value)
    assert_one_sentence(error)


@targets
def test_a_missing_version_is_refused(target: str) -> None:
    text = export(OptimizationConfig(), target)
    without = "\n".join(line for line in text.splitlines() if "version" not in line)
    with pytest.raises(ConfigFileError, match="'version' is missing"):
        parse_config(without, target)


@pytest.mark.parametrize(
    ("target", "text", "part"),
    [
        ("json", "{", "JSON"),
        ("json", "", "JSON"),
        ("json", '{"version": 1, "version": 1}', "'version' stands there twice"),
        ("json", '{"version": 1, "batch_timeout_ms": NaN}', "NaN is not a number"),
        ("json", "[" * 100_000, "nested too deeply"),
        ("json", '{"version": ' + "9" * 5000 + "}", "JSON"),
        ("json", "[1]", "expected a mapping"),
        ("json", '"text"', "expected a mapping"),
        ("toml", "version 1", "TOML"),
        ("toml", "version = 1\nversion = 1", "TOML"),
        ("yaml", "version: [1", "YAML"),
        ("yaml", "a: &a [1]\nb: *a", "aliases are not allowed at line 2"),
        ("yaml", "version: 1\nversion: 1", "'version' stands there twice at line 2"),
        ("yaml", "? [1, 2]\n: 3", "not a plain text"),
        ("yaml", "version: !!python/object/apply:os.getcwd []", "YAML"),
        ("yaml", "version: 2024-13-45", "YAML"),
        ("yaml", "[" * 5_000, "nested too deeply"),
        ("yaml", "", "expected a mapping"),
        ("yaml", "- 1", "expected a mapping"),
        ("yaml", "version: 1\n---\nversion: 1", "YAML"),
    ],
)
def test_a_malformed_text_is_refused_in_one_sentence(target: str, text: str, part: str) -> None:
    with pytest.raises(ConfigFileError) as error:
        parse_config(text, target, "settings")
    assert part in str(error.value)
    assert str(error.value).startswith("settings")
    assert_one_sentence(error)


def test_an_existing_file_is_kept_unless_told_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigFileError, match=r"exists already and was kept.*overwrite=True"):
        export(OptimizationConfig(), path=path)
    assert path.read_text(encoding="utf-8") == "mine"
    export(OptimizationConfig(), path=path, overwrite=True)
    assert load_config(path) == OptimizationConfig()


def test_a_link_keeps_pointing_to_its_file(tmp_path: Path) -> None:
    file, link = tmp_path / "real.json", tmp_path / "link.json"
    file.write_text("", encoding="utf-8")
    link.symlink_to(file)
    export(OptimizationConfig(), path=link, overwrite=True)
    assert link.is_symlink()
    assert load_config(file) == OptimizationConfig()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"target": "triton3"}, "expected one of json, toml, yaml, triton, "),
        ({"target": ["json"]}, "expected one of json, toml, yaml, triton, "),
        ({}, "Neither target nor path"),
        ({"path": "config.ini"}, "'.ini'"),
        ({"path": "config"}, "names no format"),
        ({"path": 5}, "expected a file name"),
        ({"target": "json", "path": "config.toml"}, "ends like a toml file"),
        ({"path": "nowhere/at/all/config.json"}, "its folder does not exist"),
        ({"path": "nul\0.json"}, "cannot be written"),
        ({"path": "n" * 300 + ".json"}, "cannot be written"),
    ],
)
def test_a_refused_export_writes_nothing(
    arguments: dict[str, object], part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigFileError) as error:
        export(OptimizationConfig(), **arguments)  # type: ignore[arg-type]
    assert part in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(ConfigFileError, match="is a folder"):
        export(OptimizationConfig(), path=folder, overwrite=True)


def test_something_else_than_a_config_is_refused() -> None:
    with pytest.raises(ConfigFileError, match="expected an OptimizationConfig"):
        export({"max_batch_size": 3}, "json")  # type: ignore[arg-type]


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    missing, binary = tmp_path / "missing.json", tmp_path / "binary.json"
    with pytest.raises(ConfigFileError, match=r"missing\.json cannot be read"):
        load_config(missing)
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigFileError, match="not UTF-8"):
        load_config(binary)
    with pytest.raises(ConfigFileError, match="names no format"):
        load_config(tmp_path / "config.cfg")
