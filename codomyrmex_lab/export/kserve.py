"""KServe: a patch that gives an InferenceService its batcher; the wait in whole ms."""

from __future__ import annotations

import json
from typing import Any

import yaml

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
from codomyrmex_lab.export.units import whole_millis
from codomyrmex_lab.export.yaml_target import read_yaml
from codomyrmex_lab.optimization.models import BatchingStrategy

__all__ = ["KSERVE"]

_ANNOTATION = "codomyrmex-lab/rest"
_REASONS = {
    "quantization": "let storageUri point to that variant of the model.",
    "batching_strategy": "KServe's batches leave when they are full or maxLatency is over.",
    "num_workers": "it is a setting of the model server behind the batcher.",
    "enable_caching": "KServe has no cache of responses.",
    "processor_timeout_ms": "KServe's timeout bounds the whole request.",
    "batch_timeout_ms": "KServe counts in whole ms, at least 1.",
}
_NOTES = (
    "merge it into your service: kubectl patch inferenceservice NAME --type merge "
    "--patch-file FILE.",
    "KServe counts instances, of which a request may hold several.",
)


def _write(draft: Draft) -> str:
    config = draft.config
    document: dict[str, Any] = {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
    }
    if draft.rest:
        document["metadata"] = {"annotations": {_ANNOTATION: json.dumps(draft.rest)}}
    batcher = {
        "maxBatchSize": config.max_batch_size,
        "maxLatency": max(whole_millis(config.batch_timeout_ms), 1),
    }
    document["spec"] = {"predictor": {"batcher": batcher}}
    comments = "".join(f"# {comment}\n" for comment in draft.comments)
    return comments + yaml.safe_dump(document, sort_keys=False)


def _read(text: str, source: str) -> Read:
    whole = as_mapping(read_yaml(text, source), source)
    try:
        batcher = whole["spec"]["predictor"]["batcher"]
    except (KeyError, TypeError) as error:
        raise ConfigFileError(
            f"{source} has no spec.predictor.batcher; expected an InferenceService."
        ) from error
    batcher = as_mapping(batcher, f"{source}: batcher")
    settings: dict[str, Any] = {
        "max_batch_size": required(batcher, "maxBatchSize", int, source),
        "batch_timeout_ms": float(required(batcher, "maxLatency", int, source)),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    return Read(settings, _rest(whole, source))


def _rest(whole: Any, source: str) -> dict[str, Any]:
    try:
        text = whole["metadata"]["annotations"][_ANNOTATION]
    except (KeyError, TypeError):
        return {}
    try:
        return dict(as_mapping(json.loads(text), f"{source}: {_ANNOTATION}"))
    except (TypeError, ValueError, RecursionError) as error:
        raise malformed(source, f"JSON in {_ANNOTATION}", str(error)) from error


KSERVE = server_target(
    "kserve",
    "inferenceservice.yaml",
    (".yaml", ".yml"),
    ServerFormat("KServe", _write, _read, _REASONS, _NOTES),
)
