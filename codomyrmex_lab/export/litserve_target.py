"""LitServe: a Python file with one API; durations in s."""

from __future__ import annotations

from typing import Any

from codomyrmex_lab.export.python_text import REST, read_constants, write_module
from codomyrmex_lab.export.server import Draft, Read, ServerFormat, required, server_target
from codomyrmex_lab.export.units import from_seconds, seconds
from codomyrmex_lab.optimization.models import BatchingStrategy

__all__ = ["LITSERVE"]

_REASONS = {
    "quantization": "load that variant of the model in setup().",
    "batching_strategy": "LitServe's batches leave when they are full or batch_timeout is over.",
    "enable_caching": "LitServe has no cache of responses.",
    "max_queue_size": "LitServe's queue has no bound.",
    "queue_full": "LitServe's queue has no bound.",
    "processor_timeout_ms": "LitServe lets a model run for as long as it takes.",
    "batch_timeout_ms": "LitServe counts in s.",
}
_NOTES = (
    "each worker is a process of its own.",
    "timeout is off: it must not be below batch_timeout, and would drop requests that wait.",
)
_BODY = '''\
class Model(ls.LitAPI):
    """Runs the model on batches."""

    def setup(self, device: str) -> None:
        """Load the model, once per worker."""
        self.predict_batch = pkgutil.resolve_name(MODEL)

    def decode_request(self, request):
        """Return the input of a request."""
        return request["input"]

    def predict(self, inputs):
        """Return an output per input; of batches of one, LitServe hands over the input itself."""
        if self.max_batch_size == 1:
            return self.predict_batch([inputs])[0]
        return list(self.predict_batch(inputs))

    def encode_response(self, output):
        """Return the answer to a request."""
        return {"output": output}


def server() -> ls.LitServer:
    """Return the server, not started."""
    return ls.LitServer(Model(**API), **SERVER)


if __name__ == "__main__":
    server().run(port=8000)
'''


def _write(draft: Draft) -> str:
    config = draft.config
    constants = {
        "API": {
            "max_batch_size": config.max_batch_size,
            "batch_timeout": seconds(config.batch_timeout_ms),
        },
        "SERVER": {
            "accelerator": "cpu",
            "workers_per_device": config.num_workers,
            "timeout": False,
        },
    }
    imports = "import os\nimport pkgutil\n\nimport litserve as ls"
    return write_module(draft, "The model behind LitServe.", imports, constants, _BODY)


def _read(text: str, source: str) -> Read:
    found = read_constants(text, ("API", "SERVER"), source)
    settings: dict[str, Any] = {
        "max_batch_size": required(found["API"], "max_batch_size", int, source),
        "batch_timeout_ms": from_seconds(required(found["API"], "batch_timeout", float, source)),
        "num_workers": required(found["SERVER"], "workers_per_device", int, source),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    return Read(settings, found[REST])


LITSERVE = server_target(
    "litserve",
    "serve_litserve.py",
    (".py",),
    ServerFormat("LitServe", _write, _read, _REASONS, _NOTES),
)
