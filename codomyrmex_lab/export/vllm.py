"""vLLM's config file (``vllm serve --config FILE``): keys are long option names."""

from __future__ import annotations

from typing import Any

import yaml

from codomyrmex_lab.export.server import (
    Draft,
    Read,
    ServerFormat,
    as_mapping,
    required,
    server_target,
)
from codomyrmex_lab.export.yaml_target import read_yaml
from codomyrmex_lab.optimization.models import QuantizationType

__all__ = ["VLLM"]

_DTYPES = {QuantizationType.FP32: "float32", QuantizationType.FP16: "float16"}
_CONTINUOUS = "vLLM batches continuously: a request joins at the next step, and none waits to fill."
_REASONS = {
    "quantization": "vLLM's option 'quantization' names a method that the checkpoint was made by.",
    "batch_timeout_ms": _CONTINUOUS,
    "batching_strategy": _CONTINUOUS,
    "latency_target_ms": _CONTINUOUS,
    "num_workers": "vLLM runs one batch at a time per replica.",
    "enable_caching": "vLLM caches prefixes of prompts, not responses.",
}


def _write(draft: Draft) -> str:
    options: dict[str, Any] = {"max-num-seqs": draft.config.max_batch_size}
    if draft.config.quantization in _DTYPES:
        options["dtype"] = _DTYPES[draft.config.quantization]
    comments = "".join(f"# {comment}\n" for comment in draft.comments)
    return comments + yaml.safe_dump(options, sort_keys=False)


def _read(text: str, source: str) -> Read:
    options = as_mapping(read_yaml(text, source), source)
    settings: dict[str, Any] = {
        "max_batch_size": required(options, "max-num-seqs", int, source),
    }
    for quantization, dtype in _DTYPES.items():
        if options.get("dtype") == dtype:
            settings["quantization"] = quantization.value
    return Read(settings)


VLLM = server_target(
    "vllm",
    "vllm.yaml",
    (".yaml", ".yml"),
    ServerFormat("vLLM", _write, _read, _REASONS, carries_rest=False),
)
