"""TensorFlow Serving's batching parameters file; durations in µs."""

from __future__ import annotations

import math
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.protobuf_text import Message, read_protobuf
from codomyrmex_lab.export.server import Draft, Read, ServerFormat, server_target
from codomyrmex_lab.export.units import INT64_MOST, fitting, from_micros, micros
from codomyrmex_lab.optimization.models import BatchingStrategy, QueueFullAction

__all__ = ["TF_SERVING"]

_TITLE = "TensorFlow Serving"
_REASONS = {
    "quantization": "serve that variant of the model.",
    "batching_strategy": "its batches leave when they are full or batch_timeout_micros is over.",
    "enable_caching": "it has no cache of responses.",
    "max_queue_size": "it counts whole batches, as max_enqueued_batches.",
    "queue_full": "it rejects what a full queue cannot hold.",
    "batch_timeout_ms": "it counts in whole µs.",
}
_NOTES = ("start the server with --enable_batching --batching_parameters_file=FILE.",)


def _write(draft: Draft) -> str:
    config = draft.config
    values = {
        "max_batch_size": config.max_batch_size,
        "batch_timeout_micros": micros(config.batch_timeout_ms),
        "num_batch_threads": config.num_workers,
    }
    if config.max_queue_size is not None:
        values["max_enqueued_batches"] = math.ceil(config.max_queue_size / config.max_batch_size)
    lines = [f"# {comment}" for comment in draft.comments]
    for name, value in values.items():
        lines.append(f"{name} {{ value: {fitting(name, value, _TITLE, INT64_MOST)} }}")
    return "\n".join(lines) + "\n"


def _read(text: str, source: str) -> Read:
    message = read_protobuf(text, source)
    size = _wrapped(message, "max_batch_size")
    if size is None:
        raise ConfigFileError(f"{source} has no max_batch_size; expected batching parameters.")
    settings: dict[str, Any] = {
        "max_batch_size": size,
        "batch_timeout_ms": from_micros(_wrapped(message, "batch_timeout_micros") or 0),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    if n_threads := _wrapped(message, "num_batch_threads"):
        settings["num_workers"] = n_threads
    if n_batches := _wrapped(message, "max_enqueued_batches"):
        settings["max_queue_size"] = n_batches * size
        settings["queue_full"] = QueueFullAction.REJECT.value
    return Read(settings)


def _wrapped(message: Message, name: str) -> int | None:
    values = message.messages(name)
    return values[-1].integer("value") if values else None


TF_SERVING = server_target(
    "tfserving",
    "batching_parameters.txt",
    (".txt", ".config", ".conf", ".pbtxt"),
    ServerFormat(
        _TITLE,
        _write,
        _read,
        _REASONS,
        _NOTES,
        carries_rest=False,
        queue_bound="it rejects what comes while 10 batches wait; max_enqueued_batches lets more.",
    ),
)
