"""Targets that are a server's own format, which rarely says all that a config says.

What such a text loses is not listed by hand: the text is read back, and every setting that does
not return as it was is named in a warning. Formats with a free place carry the rest there, so
that the whole config can be read again although the server ignores part of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.record import FORMAT_VERSION, config_from_record, plain
from codomyrmex_lab.export.record import record_from_config as whole_record
from codomyrmex_lab.export.target import Evidence, ExportTarget, Rendered
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
)
from codomyrmex_lab.tracing.provenance import json_ready

__all__ = ["REST_NAME", "Draft", "Read", "ServerFormat", "as_mapping", "required", "server_target"]

REST_NAME = "codomyrmex_lab"
"""Name under which a format's free place holds the settings that its server ignores."""

_NO_CACHE = {"enable_caching": False}
"""What a server does that no text tells to cache."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a server's text is to say.

    Parameters
    ----------
    config : OptimizationConfig
        The settings.
    latency_slo_ms : float or None
        Latency that clients were promised, where it is known.
    priorities : tuple of int
        Priorities that the workload uses, smallest first; empty where that is not known.
    rest : mapping
        Settings that the server ignores, as plain values by name.
    comments : sequence of str
        Lines for the reader, without a comment sign.
    """

    config: OptimizationConfig
    latency_slo_ms: float | None = None
    priorities: tuple[int, ...] = ()
    rest: Mapping[str, Any] = field(default_factory=dict)
    comments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What a server's text says: settings it acts on, and the rest, as plain values by name."""

    settings: Mapping[str, Any]
    rest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerFormat:
    """A server's format.

    Parameters
    ----------
    title : str
        What the server is called.
    write : Callable
        Draft to text.
    read : Callable
        Text and the name of its source to what it says.
    reasons : mapping
        Why a setting is lost, by name; one sentence each.
    notes : sequence of str
        What a reader of the text is to know in any case.
    carries_rest : bool
        Whether the format has a place that the server leaves alone.
    has_priorities : bool
        Whether the text tells the server about priorities.
    queue_bound : str
        How far its queue is bounded where the text says nothing; one sentence, empty where it is
        not.
    """

    title: str
    write: Callable[[Draft], str]
    read: Callable[[str, str], Read]
    reasons: Mapping[str, str]
    notes: Sequence[str] = ()
    carries_rest: bool = True
    has_priorities: bool = False
    queue_bound: str = ""


def server_target(
    name: str, file_name: str, suffixes: tuple[str, ...], server: ServerFormat
) -> ExportTarget:
    """Return the export target of a server's format."""

    def render(config: OptimizationConfig, evidence: Evidence | None) -> Rendered:
        return _render(server, config, evidence)

    def parse(text: str, source: str) -> OptimizationConfig:
        return _parse(server, text, source)

    return ExportTarget(name, file_name, suffixes, render, parse)


def _render(
    server: ServerFormat, config: OptimizationConfig, evidence: Evidence | None
) -> Rendered:
    whole = whole_record(config)
    slo_ms, priorities = _known_of_the_traffic(config, evidence)
    draft = Draft(config, slo_ms, priorities)
    said = server.read(server.write(draft), server.title)
    warnings = (
        *_losses(server, _asked_of_a_server(config, priorities), said.settings),
        *_lost_priorities(server, priorities),
        *_lost_room(server, config),
    )
    returning = whole_record(config_from_record(_record(said.settings), server.title))
    rest = {name: value for name, value in whole.items() if returning[name] != value}
    comments = [
        f"Settings for {server.title}, written by codomyrmex-lab.",
        *_evidence_lines(evidence),
        *(f"Note: {note}" for note in server.notes),
        *(f"Not expressed: {warning}" for warning in warnings),
    ]
    carried = rest if server.carries_rest else {}
    return Rendered(server.write(Draft(config, slo_ms, priorities, carried, comments)), warnings)


def _parse(server: ServerFormat, text: str, source: str) -> OptimizationConfig:
    """Believe the rest as long as nothing that the server acts on contradicts it."""
    said = server.read(text, source)
    config = config_from_record(_record({**said.settings, **said.rest}), source)
    again = server.read(server.write(Draft(config)), source).settings
    if all(again.get(name, value) == value for name, value in said.settings.items()):
        return config
    return config_from_record(_record({**said.rest, **said.settings}), source)


def _record(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"version": FORMAT_VERSION, **_NO_CACHE, **settings}


def _known_of_the_traffic(
    config: OptimizationConfig, evidence: Evidence | None
) -> tuple[float | None, tuple[int, ...]]:
    known = json_ready(evidence or {})
    slo_ms, workload = known.get("latency_slo_ms"), known.get("workload")
    given = workload.get("priorities") if isinstance(workload, dict) else None
    priorities = given if isinstance(given, list) else []
    return (
        config.latency_target_ms or (slo_ms if isinstance(slo_ms, int | float) else None),
        tuple(sorted(priority for priority in priorities if isinstance(priority, int))),
    )


def _losses(server: ServerFormat, asked: Mapping[str, Any], said: Mapping[str, Any]) -> list[str]:
    lost = [name for name, value in asked.items() if name not in said or said[name] != value]
    if "enable_caching" in lost:  # one sentence for the cache with all its settings
        of_cache = [name for name in lost if name.startswith("cache_")]
        lost = [name for name in lost if name not in of_cache]
        settings = {"enable_caching": ["enable_caching", *of_cache]}
    else:
        settings = {}
    return [_sentence(server, settings.get(name, [name]), asked, said) for name in lost]


def _sentence(
    server: ServerFormat, names: list[str], asked: Mapping[str, Any], said: Mapping[str, Any]
) -> str:
    given = ", ".join(f"{name}={asked[name]!r}" for name in names)
    if names[0] in said:
        given += f" becomes {said[names[0]]!r}"
    return f"{given}: {server.reasons.get(names[0], f'{server.title} has no such setting.')}"


def _lost_priorities(server: ServerFormat, priorities: tuple[int, ...]) -> list[str]:
    if server.has_priorities or len(priorities) < 2:
        return []
    return [
        f"priorities {', '.join(map(str, priorities))} of the workload: {server.title} answers in "
        "the order of arrival."
    ]


def _lost_room(server: ServerFormat, config: OptimizationConfig) -> list[str]:
    if config.max_queue_size is not None or not server.queue_bound:
        return []
    return [f"max_queue_size=None: {server.queue_bound}"]


def _asked_of_a_server(config: OptimizationConfig, priorities: tuple[int, ...]) -> dict[str, Any]:
    """Return the settings that want something done, as plain values by name."""
    asked = {f.name: plain(getattr(config, f.name)) for f in fields(config)}
    idle = {name for name, value in asked.items() if value is None}
    if not config.enable_caching:
        idle |= {name for name in asked if name.startswith("cache_")} | {"enable_caching"}
    if config.batching_strategy is not BatchingStrategy.ADAPTIVE:
        idle.add("latency_target_ms")
    if config.max_queue_size is None:
        idle.add("queue_full")
    if config.quantization is QuantizationType.FP32:
        idle.add("quantization")
    if len(priorities) < 2 and config.priority_ageing_ms == OptimizationConfig().priority_ageing_ms:
        idle.add("priority_ageing_ms")
    return {name: value for name, value in asked.items() if name not in idle}


def _evidence_lines(evidence: Evidence | None) -> list[str]:
    """Return one line per figure; in ASCII, so that none can end a comment before its line does."""
    lines: list[str] = []

    def add(name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                add(f"{name}.{key}" if name else key, item)
        elif value is not None:
            key = json.dumps(name)[1:-1]
            shown = f"{value:.6g}" if isinstance(value, float) else json.dumps(value)
            lines.append(f"{key}: {shown}")

    add("", json_ready(evidence or {}))
    return lines


def as_mapping(value: object, what: str) -> Mapping[str, Any]:
    """Return a mapping, or raise ``ConfigFileError`` naming what is none."""
    if not isinstance(value, Mapping):
        raise ConfigFileError(f"{what} is {value!r}; expected a mapping of names to values.")
    return value


def required(values: Mapping[str, Any], name: str, kind: type, source: str) -> Any:
    """Return a value of some kind, or raise ``ConfigFileError`` saying what was expected."""
    accepted = {int: "a whole number", float: "a number", dict: "a mapping"}
    value = values.get(name)
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or isinstance(value, bool):
        raise ConfigFileError(f"{source}: {name} is {value!r}; expected {accepted[kind]}.")
    return value
