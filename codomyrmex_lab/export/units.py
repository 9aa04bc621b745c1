"""Durations in other units than ms, without the error that multiplying floats brings in."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from codomyrmex_lab.errors import ConfigFileError

__all__ = [
    "INT32_MOST",
    "INT64_MOST",
    "UINT32_MOST",
    "UINT64_MOST",
    "fitting",
    "from_micros",
    "from_seconds",
    "micros",
    "seconds",
    "whole_millis",
    "whole_seconds",
]

INT32_MOST = 2**31 - 1
UINT32_MOST = 2**32 - 1
INT64_MOST = 2**63 - 1
UINT64_MOST = 2**64 - 1


def seconds(duration_ms: float) -> float:
    """Return a duration in s."""
    return float(Decimal(repr(float(duration_ms))).scaleb(-3))


def from_seconds(duration_s: float) -> float:
    """Return a duration in ms."""
    return float(Decimal(repr(float(duration_s))).scaleb(3))


def micros(duration_ms: float) -> int:
    """Return a duration in whole µs, the nearest, but at least 1 where it is not 0."""
    return _whole(Decimal(repr(float(duration_ms))).scaleb(3))


def from_micros(duration_us: int) -> float:
    """Return a duration in ms."""
    return float(Decimal(duration_us).scaleb(-3))


def whole_millis(duration_ms: float) -> int:
    """Return a duration in whole ms, the nearest, but at least 1 where it is not 0."""
    return _whole(Decimal(repr(float(duration_ms))))


def whole_seconds(duration_ms: float) -> int:
    """Return a duration in whole s, the nearest, but at least 1 where it is not 0."""
    return _whole(Decimal(repr(float(duration_ms))).scaleb(-3))


def fitting(name: str, value: int, title: str, most: int = INT32_MOST) -> int:
    """Return ``value``, or raise ``ConfigFileError`` where the server's field cannot hold it."""
    if value > most:
        raise ConfigFileError(f"{name} comes to {value}, but {title} holds at most {most}.")
    return value


def _whole(duration: Decimal) -> int:
    nearest = int(duration.to_integral_value(ROUND_HALF_UP))
    return max(nearest, 1) if duration else 0
