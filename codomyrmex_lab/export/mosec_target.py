"""mosec: a Python file with one worker; the wait is in whole ms, the model's timeout in s."""

from __future__ import annotations

from typing import Any

from codomyrmex_lab.export.python_text import REST, read_constants, write_module
from codomyrmex_lab.export.server import Draft, Read, ServerFormat, required, server_target
from codomyrmex_lab.export.units import from_seconds, seconds, whole_millis
from codomyrmex_lab.optimization.models import BatchingStrategy, QueueFullAction

__all__ = ["MOSEC"]

_REASONS = {
    "quantization": "load that variant of the model.",
    "batching_strategy": "mosec's batches leave when they are full or max_wait_time is over.",
    "enable_caching": "mosec has no cache of responses.",
    "queue_full": "mosec rejects what a full queue cannot hold.",
    "batch_timeout_ms": "mosec counts in whole ms, at least 1.",
}
_NOTES = (
    "each worker is a process of its own.",
    "mosec gives a request up after 3 s, its wait included, unless --timeout says otherwise.",
)
_BODY = '''\
class Model(Worker):
    """Runs the model on batches."""

    def __init__(self) -> None:
        super().__init__()
        self.predict_batch = pkgutil.resolve_name(MODEL)

    def forward(self, data):
        """Return an output per input; of batches of one, mosec hands over the input itself."""
        if self.max_batch_size == 1:
            return self.predict_batch([data])[0]
        return list(self.predict_batch(data))


def serve(server: Server) -> None:
    """Add the worker."""
    server.append_worker(Model, **WORKER)


if __name__ == "__main__":
    for variable, value in ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    main = Server()
    serve(main)
    main.run()
'''


def _write(draft: Draft) -> str:
    config = draft.config
    worker: dict[str, Any] = {
        "num": config.num_workers,
        "max_batch_size": config.max_batch_size,
        "max_wait_time": max(whole_millis(config.batch_timeout_ms), 1),
    }
    if config.processor_timeout_ms is not None:
        worker["timeout"] = seconds(config.processor_timeout_ms)
    bound = config.max_queue_size
    constants = {
        "WORKER": worker,
        "ENVIRONMENT": {} if bound is None else {"MOSEC_CAPACITY": str(bound)},
    }
    imports = "import os\nimport pkgutil\n\nfrom mosec import Server, Worker"
    return write_module(draft, "The model behind mosec.", imports, constants, _BODY)


def _read(text: str, source: str) -> Read:
    found = read_constants(text, ("WORKER", "ENVIRONMENT"), source)
    worker = found["WORKER"]
    settings: dict[str, Any] = {
        "max_batch_size": required(worker, "max_batch_size", int, source),
        "batch_timeout_ms": float(required(worker, "max_wait_time", int, source)),
        "num_workers": required(worker, "num", int, source),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    if "timeout" in worker:
        timeout_s = required(worker, "timeout", float, source)
        settings["processor_timeout_ms"] = from_seconds(timeout_s)
    capacity = found["ENVIRONMENT"].get("MOSEC_CAPACITY")
    if isinstance(capacity, str) and capacity.isdecimal():
        settings["max_queue_size"] = int(capacity)
        settings["queue_full"] = QueueFullAction.REJECT.value
    return Read(settings, found[REST])


MOSEC = server_target(
    "mosec",
    "serve_mosec.py",
    (".py",),
    ServerFormat(
        "mosec",
        _write,
        _read,
        _REASONS,
        _NOTES,
        queue_bound="mosec rejects what comes while 1024 requests wait; --capacity lets more.",
    ),
)
