"""Configs as TOML, which has no null: a setting that is None is left out."""

from __future__ import annotations

import tomllib

import tomli_w

from codomyrmex_lab.export.record import config_from_record, record_from_config
from codomyrmex_lab.export.target import ExportTarget, malformed
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["TOML"]


def _render(config: OptimizationConfig) -> str:
    record = record_from_config(config)
    return tomli_w.dumps({name: value for name, value in record.items() if value is not None})


def _parse(text: str, source: str) -> OptimizationConfig:
    try:
        record = tomllib.loads(text)
    except RecursionError as error:
        raise malformed(source, "TOML", "it is nested too deeply") from error
    except ValueError as error:
        raise malformed(source, "TOML", str(error)) from error
    return config_from_record(record, source)


TOML = ExportTarget("toml", (".toml",), _render, _parse)
