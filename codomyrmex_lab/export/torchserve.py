"""TorchServe's ``config.properties``; delays in whole ms, the timeout in whole s."""

from __future__ import annotations

import json
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.server import (
    Draft,
    Read,
    ServerFormat,
    as_mapping,
    required,
    server_target,
)
from codomyrmex_lab.export.target import malformed
from codomyrmex_lab.export.units import INT32_MOST, fitting, whole_millis, whole_seconds
from codomyrmex_lab.optimization.models import BatchingStrategy, QueueFullAction

__all__ = ["TORCHSERVE"]

_TITLE = "TorchServe"
_REASONS = {
    "quantization": "archive that variant of the model.",
    "batching_strategy": "its batches leave when they are full or maxBatchDelay is over.",
    "enable_caching": "it has no cache of responses.",
    "queue_full": "it rejects what a full queue cannot hold.",
    "batch_timeout_ms": "it counts in whole ms.",
    "processor_timeout_ms": "it counts in whole s.",
}
_NOTES = (
    "TorchServe is no longer maintained.",
    "model.mar stands for your archive.",
    "each worker is a process.",
)


def _write(draft: Draft) -> str:
    config = draft.config
    model: dict[str, Any] = {
        "defaultVersion": True,
        "marName": "model.mar",
        "minWorkers": fitting("num_workers", config.num_workers, _TITLE),
        "maxWorkers": config.num_workers,
        "batchSize": fitting("max_batch_size", config.max_batch_size, _TITLE),
        "maxBatchDelay": fitting(
            "batch_timeout_ms", whole_millis(config.batch_timeout_ms), _TITLE, INT32_MOST
        ),
    }
    if config.processor_timeout_ms is not None:
        timeout_s = whole_seconds(config.processor_timeout_ms)
        model["responseTimeout"] = fitting("processor_timeout_ms", timeout_s, _TITLE)
    lines = [f"# {comment}" for comment in draft.comments]
    if config.max_queue_size is not None:
        size = fitting("max_queue_size", config.max_queue_size, _TITLE)
        lines.append(f"job_queue_size={size}")
    lines.append("load_models=model.mar")
    lines.append(f"models={json.dumps({'model': {'1.0': model}})}")
    return "\n".join(lines) + "\n"


def _read(text: str, source: str) -> Read:
    properties = _properties(text)
    model = _only_model(properties, source)
    n_workers = required(model, "maxWorkers", int, source)
    settings: dict[str, Any] = {
        "max_batch_size": required(model, "batchSize", int, source),
        "batch_timeout_ms": float(required(model, "maxBatchDelay", int, source)),
        "num_workers": n_workers,
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    if "responseTimeout" in model:
        timeout_s = required(model, "responseTimeout", int, source)
        settings["processor_timeout_ms"] = float(timeout_s * 1000)
    if "job_queue_size" in properties:
        size = properties["job_queue_size"]
        if not size.isdecimal():
            raise ConfigFileError(f"{source}: job_queue_size is {size!r}; expected a whole number.")
        settings["max_queue_size"] = int(size)
        settings["queue_full"] = QueueFullAction.REJECT.value
    return Read(settings)


def _properties(text: str) -> dict[str, str]:
    lines = text.replace("\\\r\n", "").replace("\\\n", "").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and line.lstrip()[:1] not in "#!")
    return {name.strip(): value.strip() for name, value in pairs}


def _only_model(properties: dict[str, str], source: str) -> dict[str, Any]:
    try:
        models = json.loads(properties.get("models", "{}"))
    except (ValueError, RecursionError) as error:
        raise malformed(source, "JSON in models", str(error)) from error
    found = [
        version
        for versions in as_mapping(models, f"{source}: models").values()
        for version in as_mapping(versions, f"{source}: a model").values()
    ]
    if len(found) != 1:
        raise ConfigFileError(f"{source} configures {len(found)} models; expected one.")
    return dict(as_mapping(found[0], f"{source}: the model"))


TORCHSERVE = server_target(
    "torchserve",
    "config.properties",
    (".properties",),
    ServerFormat(
        _TITLE,
        _write,
        _read,
        _REASONS,
        _NOTES,
        carries_rest=False,
        queue_bound="it rejects what comes while 100 requests wait; job_queue_size lets more.",
    ),
)
