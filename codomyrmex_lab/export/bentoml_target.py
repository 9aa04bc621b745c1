"""BentoML: a Python file with one service.

Its ``max_latency_ms`` bounds the whole latency and is not a wait: it takes the latency that
clients were promised, never the batch timeout.
"""

from __future__ import annotations

from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.python_text import REST, read_constants, write_module
from codomyrmex_lab.export.server import Draft, Read, ServerFormat, required, server_target
from codomyrmex_lab.export.units import whole_millis
from codomyrmex_lab.optimization.models import BatchingStrategy, QueueFullAction

__all__ = ["BENTOML"]

_REASONS = {
    "quantization": "load that variant of the model.",
    "batch_timeout_ms": "BentoML decides itself how long a batch waits.",
    "batching_strategy": "BentoML always adapts its batches to what it sees.",
    "latency_target_ms": "BentoML counts in whole ms.",
    "enable_caching": "BentoML has no cache of responses.",
    "queue_full": "BentoML rejects what exceeds max_concurrency.",
    "processor_timeout_ms": "BentoML's timeout bounds the whole request.",
}
_NOTES = (
    "each worker is a process with a queue of its own.",
    "max_latency_ms is the latency promised to clients, 60 000 where none is given.",
)
_BODY = '''\
@bentoml.service(name="model", **SERVICE)
class Model:
    """Runs the model on batches."""

    def __init__(self) -> None:
        self.predict_batch = pkgutil.resolve_name(MODEL)

    @bentoml.api(batchable=True, **API)
    def predict(self, inputs: list[Any]) -> list[Any]:
        """Return an output per input."""
        return list(self.predict_batch(inputs))
'''


def _write(draft: Draft) -> str:
    config = draft.config
    if config.max_batch_size == 1:
        raise ConfigFileError(
            "max_batch_size is 1, which BentoML refuses for a batchable API; expected at least 2."
        )
    api: dict[str, Any] = {"max_batch_size": config.max_batch_size}
    if draft.latency_slo_ms is not None:
        api["max_latency_ms"] = whole_millis(draft.latency_slo_ms)
    service: dict[str, Any] = {"workers": config.num_workers}
    if config.max_queue_size is not None:
        running = config.num_workers * config.max_batch_size
        service["traffic"] = {"max_concurrency": config.max_queue_size + running}
    constants = {"SERVICE": service, "API": api}
    imports = "import os\nimport pkgutil\nfrom typing import Any\n\nimport bentoml"
    return write_module(draft, "The model behind BentoML.", imports, constants, _BODY)


def _read(text: str, source: str) -> Read:
    found = read_constants(text, ("SERVICE", "API"), source)
    size = required(found["API"], "max_batch_size", int, source)
    n_workers = required(found["SERVICE"], "workers", int, source)
    settings: dict[str, Any] = {
        "max_batch_size": size,
        "num_workers": n_workers,
        "batching_strategy": BatchingStrategy.ADAPTIVE.value,
    }
    if "max_latency_ms" in found["API"]:
        latency_ms = required(found["API"], "max_latency_ms", int, source)
        settings["latency_target_ms"] = float(latency_ms)
    if "traffic" in found["SERVICE"]:
        traffic = required(found["SERVICE"], "traffic", dict, source)
        bound = required(traffic, "max_concurrency", int, source)
        settings["max_queue_size"] = bound - n_workers * size
        settings["queue_full"] = QueueFullAction.REJECT.value
    return Read(settings, found[REST])


BENTOML = server_target(
    "bentoml", "service.py", (".py",), ServerFormat("BentoML", _write, _read, _REASONS, _NOTES)
)
