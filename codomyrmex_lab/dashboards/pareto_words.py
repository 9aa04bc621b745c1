"""Figures of a search in words and units, where it names them by their columns."""

from __future__ import annotations

import re

__all__ = ["figure_in_words", "sentence_in_words"]

_WORDS = {
    "p50_ms": ("p50", " ms"),
    "p90_ms": ("p90", " ms"),
    "p95_ms": ("p95", " ms"),
    "p99_ms": ("p99", " ms"),
    "mean_ms": ("mean latency", " ms"),
    "throughput_rps": ("throughput", " requests/s"),
    "worker_s_per_1k": ("worker time", " s per 1,000 requests"),
    "error_rate": ("error rate", ""),
    "quality": ("quality", ""),
}
"""Name and unit of each column."""
_SIGNS = {"<=": "≤", ">=": "≥"}
_NAMED = re.compile(
    rf"\b({'|'.join(_WORDS)})( is|) (<= |>= |)(\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf|nan)\b"
)


def figure_in_words(column: str, value: float) -> str:
    """Return a figure with its name and unit."""
    name, unit = _WORDS[column]
    return f"{name} {value:.4g}{unit}"


def sentence_in_words(sentence: str) -> str:
    """Return what a search says of itself, with names and units in place of columns."""
    return _NAMED.sub(_put, sentence)


def _put(found: re.Match[str]) -> str:
    column, verb, sign, value = found.groups()
    name, unit = _WORDS[column]
    sign = f"{_SIGNS[sign.strip()]} " if sign else ""
    return f"{name}{verb} {sign}{value}{unit}"
