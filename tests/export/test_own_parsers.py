"""Exported texts before the parsers, schemas and servers that they are meant for."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

from codomyrmex_lab.export import TARGETS, render
from codomyrmex_lab.optimization.models import OptimizationConfig, QueueFullAction

CONFIG = OptimizationConfig(
    max_batch_size=8,
    batch_timeout_ms=5.0,
    num_workers=2,
    max_queue_size=64,
    queue_full=QueueFullAction.REJECT,
    processor_timeout_ms=2500.0,
)
EVIDENCE = {"workload": {"sha256": "0123", "priorities": [-1, 0, 3]}, "latency_slo_ms": 40.0}


def run_beside(target: str, folder: Path, script: str, config: OptimizationConfig = CONFIG) -> str:
    """Run a script beside the exported module and a model; return the last line it prints."""
    write(target, folder, config)
    (folder / "script.py").write_text(script, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip().splitlines()[-1]


def write(target: str, folder: Path, config: OptimizationConfig) -> Path:
    (folder / "doubling.py").write_text("def batch(inputs):\n    return [2 * x for x in inputs]\n")
    path = folder / TARGETS[target].file_name
    path.write_text(render(config, target, EVIDENCE).text, encoding="utf-8")
    return path


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "MODEL": "doubling:batch",
        "HOME": str(folder),
        "BENTOML_DO_NOT_TRACK": "1",
    }


def test_triton_s_own_parser_reads_the_config() -> None:
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    text = render(CONFIG, "triton", EVIDENCE).text
    parsed = text_format.Parse(text, model_config_pb2.ModelConfig())
    batching = parsed.dynamic_batching
    assert parsed.max_batch_size == 8
    assert list(batching.preferred_batch_size) == [8]
    assert batching.max_queue_delay_microseconds == 5000
    assert (batching.priority_levels, batching.default_priority_level) == (3, 2)
    assert batching.default_queue_policy.max_queue_size == 64
    assert [(group.count, group.kind) for group in parsed.instance_group] == [
        (2, model_config_pb2.ModelInstanceGroup.KIND_CPU)
    ]
    assert parsed.response_cache.enable
    assert json.loads(parsed.parameters["codomyrmex_lab"].string_value) == {
        "processor_timeout_ms": 2500.0
    }


def test_triton_s_own_writer_is_read_back() -> None:
    """What protobuf prints, braces and lists its own way, is the same config."""
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    parsed = text_format.Parse(
        render(CONFIG, "triton").text, model_config_pb2.ModelConfig(name='a "b" {', input=[{}])
    )
    for options in ({}, {"as_one_line": True}, {"use_short_repeated_primitives": True}):
        text = text_format.MessageToString(parsed, **options)
        assert TARGETS["triton"].parse(text, "text") == CONFIG


def test_ray_serve_s_schema_accepts_the_config_file() -> None:
    schema = pytest.importorskip("ray.serve.schema")
    document = yaml.safe_load(render(CONFIG, "rayserve-config").text)
    deployment = schema.ServeDeploySchema.model_validate(document).applications[0].deployments[0]
    assert deployment.max_ongoing_requests == 24
    assert deployment.max_queued_requests == 64
    assert deployment.user_config["batch_wait_timeout_s"] == 0.005


RAY = """
import json
import serve_ray
deployment = serve_ray.app._bound_deployment
handler = deployment.func_or_class.predict_batch
print(json.dumps([deployment.max_ongoing_requests, deployment.max_queued_requests,
                  deployment.user_config, handler._get_max_batch_size(),
                  handler._get_batch_wait_timeout_s()]))
"""


def test_ray_serve_builds_the_deployment(tmp_path: Path) -> None:
    pytest.importorskip("ray.serve")
    printed = json.loads(run_beside("rayserve", tmp_path, RAY))
    assert printed == [24, 64, {"max_batch_size": 8, "batch_wait_timeout_s": 0.005}, 8, 0.005]


BENTOML = """
import json
import service
from starlette.testclient import TestClient
api = service.Model.apis["predict"]
with TestClient(service.Model.to_asgi()) as client:
    answer = client.post("/predict", json={"inputs": [1, 2, 3]}).json()
print(json.dumps([api.batchable, api.max_batch_size, api.max_latency_ms,
                  service.Model.config, answer]))
"""


def test_bentoml_serves_the_model(tmp_path: Path) -> None:
    pytest.importorskip("bentoml")
    *api, service, answer = json.loads(run_beside("bentoml", tmp_path, BENTOML))
    assert api == [True, 8, 40]
    assert service == {"workers": 2, "traffic": {"max_concurrency": 80}}
    assert answer == [2, 4, 6]


LITSERVE = """
import json
import serve_litserve
from fastapi.testclient import TestClient
from litserve.utils import wrap_litserve_start
if __name__ == "__main__":
    server = serve_litserve.server()
    api = serve_litserve.Model(**serve_litserve.API)
    with wrap_litserve_start(server) as started, TestClient(started.app) as client:
        answer = client.post("/predict", json={"input": 21}).json()
    print(json.dumps([api.max_batch_size, api.batch_timeout, server.workers_per_device, answer]))
"""


@pytest.mark.parametrize("size", [8, 1])
def test_litserve_serves_the_model(size: int, tmp_path: Path) -> None:
    pytest.importorskip("litserve")
    config = CONFIG.replace(max_batch_size=size, num_workers=1)
    printed = json.loads(run_beside("litserve", tmp_path, LITSERVE, config))
    assert printed == [size, 0.005, 1, {"output": 42}]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def posted(url: str, body: bytes, until_s: float) -> bytes:
    """The answer of a server that may still be starting."""
    while True:
        try:
            with urllib.request.urlopen(url, body, timeout=10) as answer:
                return bytes(answer.read())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > until_s:
                raise
            time.sleep(0.02)


@pytest.mark.parametrize("size", [8, 1])
def test_mosec_serves_the_model(size: int, tmp_path: Path) -> None:
    pytest.importorskip("mosec")
    path = write("mosec", tmp_path, CONFIG.replace(max_batch_size=size))
    port = free_port()
    with subprocess.Popen(
        [sys.executable, path.name, "--port", str(port), "--address", "127.0.0.1"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}/inference"
            assert posted(url, b"21", time.monotonic() + 30) == b"42"
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0


@pytest.mark.parametrize("target", ["kserve", "vllm", "rayserve-config"])
def test_any_yaml_parser_reads_the_text(target: str) -> None:
    assert isinstance(yaml.safe_load(render(CONFIG, target, EVIDENCE).text), dict)


def test_the_kserve_patch_has_the_fields_of_the_batcher() -> None:
    document = yaml.safe_load(render(CONFIG, "kserve").text)
    assert document["apiVersion"] == "serving.kserve.io/v1beta1"
    assert document["spec"]["predictor"]["batcher"] == {"maxBatchSize": 8, "maxLatency": 5}


def test_the_models_property_of_torchserve_is_json() -> None:
    text = render(CONFIG.replace(processor_timeout_ms=3000.0), "torchserve").text
    (line,) = [line for line in text.splitlines() if line.startswith("models=")]
    model = json.loads(line.removeprefix("models="))["model"]["1.0"]
    assert model["batchSize"] == 8
    assert model["maxBatchDelay"] == 5
    assert model["responseTimeout"] == 3
    assert "job_queue_size=64\n" in text
