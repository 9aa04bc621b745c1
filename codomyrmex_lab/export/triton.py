"""Triton Inference Server's model configuration, ``config.pbtxt``; durations in µs."""

from __future__ import annotations

import json
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.protobuf_text import Message, read_protobuf
from codomyrmex_lab.export.server import REST_NAME, Draft, Read, ServerFormat, server_target
from codomyrmex_lab.export.target import malformed
from codomyrmex_lab.export.units import UINT32_MOST, UINT64_MOST, fitting, from_micros, micros
from codomyrmex_lab.optimization.models import BatchingStrategy, QueueFullAction

__all__ = ["TRITON"]

_TITLE = "Triton"
_REASONS = {
    "quantization": "put that variant of the model into the repository; Triton runs what it finds.",
    "batching_strategy": "Triton's batcher waits for at most max_queue_delay_microseconds.",
    "latency_target_ms": "Triton does not adapt its batches to a latency.",
    "cache_max_size": "the size is a server flag in bytes, --cache-config=local,size=BYTES.",
    "cache_max_bytes": "it is a server flag, --cache-config=local,size=BYTES.",
    "cache_ttl_s": "Triton's cache keeps a response until it needs the place.",
    "priority_ageing_ms": "in Triton a lower level waits for as long as higher ones come.",
    "queue_full": "Triton rejects what a full queue cannot hold.",
    "processor_timeout_ms": "Triton lets a model run for as long as it takes.",
    "batch_timeout_ms": "Triton counts in whole µs.",
}
_NOTES = (
    "name, backend, inputs and outputs are left to Triton's auto-complete.",
    "the figures were measured on the CPU; for a GPU change the instances' kind.",
)


def _write(draft: Draft) -> str:
    config = draft.config
    size = fitting("max_batch_size", config.max_batch_size, _TITLE)
    delay_us = fitting("batch_timeout_ms", micros(config.batch_timeout_ms), _TITLE, UINT64_MOST)
    n_instances = fitting("num_workers", config.num_workers, _TITLE)
    lines = [f"# {comment}" for comment in draft.comments]
    lines += [
        f"max_batch_size: {size}",
        "dynamic_batching {",
        f"  preferred_batch_size: [ {size} ]",
        f"  max_queue_delay_microseconds: {delay_us}",
        *_priority_lines(draft.priorities),
        *_queue_lines(config.max_queue_size),
        "}",
        f"instance_group [ {{ count: {n_instances} kind: KIND_CPU }} ]",
        f"response_cache {{ enable: {'true' if config.enable_caching else 'false'} }}",
    ]
    if draft.rest:
        value = json.dumps(json.dumps(draft.rest))
        lines.append(
            f'parameters {{ key: "{REST_NAME}" value {{ string_value: {value} }} }}',
        )
    return "\n".join(lines) + "\n"


def _priority_lines(priorities: tuple[int, ...]) -> list[str]:
    """Triton's level 1 is our largest priority; who gives none has ours of 0, or the lowest."""
    if len(priorities) < 2:
        return []
    falling = sorted(priorities, reverse=True)
    default = falling.index(0) + 1 if 0 in falling else len(falling)
    meaning = ", ".join(f"{level} is {ours}" for level, ours in enumerate(falling, start=1))
    return [
        f"  priority_levels: {len(falling)}  # of the workload's priorities, {meaning}",
        f"  default_priority_level: {default}",
    ]


def _queue_lines(max_queue_size: int | None) -> list[str]:
    if max_queue_size is None:
        return []
    size = fitting("max_queue_size", max_queue_size, _TITLE, UINT32_MOST)
    return [f"  default_queue_policy {{ max_queue_size: {size} }}"]


def _read(text: str, source: str) -> Read:
    message = read_protobuf(text, source)
    batching = message.messages("dynamic_batching")
    size = message.integer("max_batch_size")
    if not batching or not size:
        raise ConfigFileError(
            f"{source} has no dynamic_batching with a max_batch_size above 0: Triton would not "
            "batch, and there is no config to read."
        )
    settings: dict[str, Any] = {
        "max_batch_size": size,
        "batch_timeout_ms": from_micros(batching[-1].integer("max_queue_delay_microseconds") or 0),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
        "num_workers": _n_instances(message),
        "enable_caching": any(m.truth("enable") for m in message.messages("response_cache")),
    }
    for policy in batching[-1].messages("default_queue_policy"):
        if queue_size := policy.integer("max_queue_size"):
            settings["max_queue_size"] = queue_size
            settings["queue_full"] = QueueFullAction.REJECT.value
    return Read(settings, _rest(message, source))


def _n_instances(message: Message) -> int:
    groups = message.messages("instance_group")
    return sum(1 if (count := group.integer("count")) is None else count for group in groups) or 1


def _rest(message: Message, source: str) -> dict[str, Any]:
    for parameter in message.messages("parameters"):
        if parameter.text("key") == REST_NAME:
            values = parameter.messages("value")
            text = values[-1].text("string_value") if values else None
            try:
                rest = json.loads(text or "{}")
            except (ValueError, RecursionError) as error:
                raise malformed(source, f"JSON in the parameter {REST_NAME}", str(error)) from error
            if isinstance(rest, dict):
                return rest
    return {}


TRITON = server_target(
    "triton",
    "config.pbtxt",
    (".pbtxt",),
    ServerFormat(_TITLE, _write, _read, _REASONS, _NOTES, has_priorities=True),
)
