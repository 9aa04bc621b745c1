"""Configs as TOML, which has no null: a setting that is None is left out."""

from __future__ import annotations

import tomllib
from typing import Any

import tomli_w

from codomyrmex_lab.export.record import config_from_record, record_from_config
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered, malformed
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["TOML"]


def _render(config: OptimizationConfig, evidence: Evidence | None) -> Rendered:
    return Rendered(tomli_w.dumps(_without_null(record_from_config(config, evidence))))


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_null(item) for item in value if item is not None]
    return value


def _parse(text: str, source: str) -> OptimizationConfig:
    return config_from_record(_read(text, source), source)


def _read(text: str, source: str) -> object:
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise malformed(source, "TOML", "it is nested too deeply") from error
    except ValueError as error:
        raise malformed(source, "TOML", str(error)) from error


TOML = ExportTarget("toml", "tuned.toml", (".toml",), _render, _parse, _read)
