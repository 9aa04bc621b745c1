"""Configs as JSON."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from codomyrmex_lab.export.record import config_from_record, record_from_config
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered, malformed
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["JSON"]


def _render(config: OptimizationConfig, evidence: Evidence | None) -> Rendered:
    record = record_from_config(config, evidence)
    return Rendered(json.dumps(record, indent=2, allow_nan=False) + "\n")


def _parse(text: str, source: str) -> OptimizationConfig:
    return config_from_record(_read(text, source), source)


def _read(text: str, source: str) -> object:
    try:
        return json.loads(text, object_pairs_hook=_unique_fields, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise malformed(source, "JSON", "it is nested too deeply") from error
    except ValueError as error:
        raise malformed(source, "JSON", str(error)) from error


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name, value in pairs:
        if name in record:
            raise ValueError(f"the field {name!r} stands there twice")
        record[name] = value
    return record


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


JSON = ExportTarget("json", "tuned.json", (".json",), _render, _parse, _read)
