"""Ray Serve: a Python file with one deployment, and the Serve config file that tunes it; in s.

Arguments of ``@serve.batch`` cannot come from a config file. The deployment therefore has a
``reconfigure()``, which takes size and wait from the ``user_config`` of either file.
"""

from __future__ import annotations

from typing import Any

import yaml

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.export.python_text import REST, read_constants, write_module
from codomyrmex_lab.export.server import (
    REST_NAME,
    Draft,
    Read,
    ServerFormat,
    as_mapping,
    required,
    server_target,
)
from codomyrmex_lab.export.units import from_seconds, seconds
from codomyrmex_lab.export.yaml_target import read_yaml
from codomyrmex_lab.optimization.models import BatchingStrategy, OptimizationConfig, QueueFullAction

__all__ = ["RAY_SERVE", "RAY_SERVE_CONFIG"]

_MODULE = "serve_ray"
_REASONS = {
    "quantization": "load that variant of the model.",
    "batching_strategy": "Ray's batches leave when they are full or the wait is over.",
    "enable_caching": "Ray Serve has no cache of responses.",
    "queue_full": "Ray Serve rejects what exceeds max_queued_requests.",
    "processor_timeout_ms": "Ray Serve's request_timeout_s bounds the whole request.",
    "batch_timeout_ms": "Ray Serve counts in s.",
}
_NOTES = (
    "max_ongoing_requests lets all workers run full batches while the next one fills.",
    "max_queued_requests counts at each caller what is beyond max_ongoing_requests.",
)
_BODY = '''\
@serve.deployment(**DEPLOYMENT)
class Model:
    """Runs the model on batches."""

    def __init__(self) -> None:
        self.predict = pkgutil.resolve_name(MODEL)
        self.threads = ThreadPoolExecutor(BATCH["max_concurrent_batches"])

    def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take size and wait from the config file, while running."""
        self.predict_batch.set_max_batch_size(user_config["max_batch_size"])
        self.predict_batch.set_batch_wait_timeout_s(user_config["batch_wait_timeout_s"])

    @serve.batch(**BATCH)
    async def predict_batch(self, inputs: list[Any]) -> list[Any]:
        """Return an output per input."""
        loop = asyncio.get_running_loop()
        return list(await loop.run_in_executor(self.threads, self.predict, inputs))

    async def __call__(self, request: Request) -> Any:
        """Answer one request."""
        return await self.predict_batch((await request.json())["input"])


app = Model.bind()
'''


def _deployment(config: OptimizationConfig) -> dict[str, Any]:
    bound = config.max_queue_size
    return {
        "num_replicas": 1,
        "max_ongoing_requests": config.max_batch_size * (config.num_workers + 1),
        "max_queued_requests": -1 if bound is None else bound,
        "user_config": {
            "max_batch_size": config.max_batch_size,
            "batch_wait_timeout_s": seconds(config.batch_timeout_ms),
        },
    }


def _settings(deployment: dict[str, Any], source: str) -> dict[str, Any]:
    user_config = required(deployment, "user_config", dict, source)
    wait_s = required(user_config, "batch_wait_timeout_s", float, source)
    settings: dict[str, Any] = {
        "max_batch_size": required(user_config, "max_batch_size", int, source),
        "batch_timeout_ms": from_seconds(wait_s),
        "batching_strategy": BatchingStrategy.DYNAMIC.value,
    }
    bound = deployment.get("max_queued_requests", -1)
    if bound != -1:
        settings["max_queue_size"] = bound
        settings["queue_full"] = QueueFullAction.REJECT.value
    return settings


def _write_module(draft: Draft) -> str:
    config = draft.config
    deployment = _deployment(config)
    batch = {**deployment["user_config"], "max_concurrent_batches": config.num_workers}
    imports = (
        "import asyncio\nimport os\nimport pkgutil\n"
        "from concurrent.futures import ThreadPoolExecutor\nfrom typing import Any\n\n"
        "from ray import serve\nfrom starlette.requests import Request"
    )
    constants = {"DEPLOYMENT": deployment, "BATCH": batch}
    return write_module(draft, "The model behind Ray Serve.", imports, constants, _BODY)


def _read_module(text: str, source: str) -> Read:
    found = read_constants(text, ("DEPLOYMENT", "BATCH"), source)
    settings = _settings(dict(found["DEPLOYMENT"]), source)
    settings["num_workers"] = required(found["BATCH"], "max_concurrent_batches", int, source)
    return Read(settings, found[REST])


def _write_config(draft: Draft) -> str:
    deployment = _deployment(draft.config)
    if draft.rest:
        deployment["user_config"][REST_NAME] = dict(draft.rest)
    application = {
        "name": "model",
        "route_prefix": "/",
        "import_path": f"{_MODULE}:app",
        "deployments": [{"name": "Model", **deployment}],
    }
    comments = "".join(f"# {comment}\n" for comment in draft.comments)
    return comments + yaml.safe_dump({"applications": [application]}, sort_keys=False)


def _read_config(text: str, source: str) -> Read:
    whole = as_mapping(read_yaml(text, source), source)
    try:
        deployment = whole["applications"][0]["deployments"][0]
    except (KeyError, IndexError, TypeError) as error:
        raise ConfigFileError(
            f"{source} has no applications[0].deployments[0]; expected a Serve config file."
        ) from error
    settings = _settings(dict(as_mapping(deployment, f"{source}: deployments[0]")), source)
    rest = as_mapping(deployment["user_config"].get(REST_NAME, {}), f"{source}: {REST_NAME}")
    return Read(settings, rest)


RAY_SERVE = server_target(
    "rayserve",
    f"{_MODULE}.py",
    (".py",),
    ServerFormat("Ray Serve", _write_module, _read_module, _REASONS, _NOTES),
)
RAY_SERVE_CONFIG = server_target(
    "rayserve-config",
    f"{_MODULE}.yaml",
    (".yaml", ".yml"),
    ServerFormat(
        "Ray Serve",
        _write_config,
        _read_config,
        {**_REASONS, "num_workers": f"max_concurrent_batches stands in {_MODULE}.py."},
        (f"belongs to {_MODULE}.py, which target 'rayserve' writes.", *_NOTES),
    ),
)
