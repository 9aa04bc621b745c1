"""What every server's own format has to hold to."""

import ast
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings

from codomyrmex_lab.errors import ConfigFileError, ExportWarning
from codomyrmex_lab.export import TARGETS, Rendered, export, load_config, parse_config, render
from codomyrmex_lab.optimization.models import (
    BatchingStrategy,
    OptimizationConfig,
    QuantizationType,
    QueueFullAction,
)
from tests.export.configs import servable_configs

OWN = ["json", "toml", "yaml"]
SERVERS = [name for name in TARGETS if name not in OWN]
WITHOUT_A_FREE_PLACE = ["torchserve", "tfserving", "vllm"]
CARRYING = [name for name in SERVERS if name not in WITHOUT_A_FREE_PLACE]
EVIDENCE = {
    "workload": {"sha256": "0123abcd", "n_requests": 4000},
    "profile": {"host": {"cpu": "A cpu\nwith: two # lines\u2028or three"}},
    "predicted": {"p99_ms": 12.5},
    "verified": None,
    "latency_slo_ms": 50.0,
    "versions": {"numpy": "2.0"},
}
each_server = pytest.mark.parametrize("target", SERVERS)


def without_no_effect(config: OptimizationConfig) -> OptimizationConfig:
    """Settings that ask nothing of a server, at their defaults."""
    default = OptimizationConfig()
    if not config.enable_caching:
        config = config.replace(
            cache_max_size=default.cache_max_size, cache_ttl_s=None, cache_max_bytes=None
        )
    if config.max_queue_size is None:
        config = config.replace(queue_full=default.queue_full)
    if config.batching_strategy is not BatchingStrategy.ADAPTIVE:
        config = config.replace(latency_target_ms=None)
    return config


@pytest.mark.parametrize("target", CARRYING)
@settings(max_examples=60, deadline=None)
@given(config=servable_configs)
def test_a_format_with_a_free_place_brings_every_config_back(
    target: str, config: OptimizationConfig
) -> None:
    assert parse_config(render(config, target, EVIDENCE).text, target) == config


@each_server
@settings(max_examples=60, deadline=None)
@given(config=servable_configs)
def test_whatever_the_server_does_not_act_on_is_named(
    target: str, config: OptimizationConfig
) -> None:
    """Of a text without its rest, each setting comes back as it was, or a warning names it."""
    config = without_no_effect(config)
    rendered = render(config, target)
    acted_on = parse_config(_without_rest(target, rendered), target)
    for field in fields(config):
        same = getattr(acted_on, field.name) == getattr(config, field.name)
        named = any(f"{field.name}=" in warning for warning in rendered.warnings)
        assert same or named, field.name


def _without_rest(target: str, rendered: Rendered) -> str:
    """The text with nothing in it but what the server reads."""
    if target in WITHOUT_A_FREE_PLACE:
        return rendered.text
    if target == "triton":
        lines = rendered.text.splitlines()
        return "\n".join(line for line in lines if not line.startswith("parameters"))
    if target == "kserve":
        head, annotations, tail = rendered.text.partition("metadata:")
        return head + annotations.replace("metadata:", "") + tail[tail.find("spec:") :]
    if target == "rayserve-config":
        return rendered.text.partition("      codomyrmex_lab:")[0]
    return rendered.text.replace("REST = {", "UNREAD = {")


@each_server
def test_the_text_says_what_is_lost_and_where_the_settings_come_from(target: str) -> None:
    config = OptimizationConfig(quantization=QuantizationType.INT8, cache_ttl_s=60.0)
    rendered = render(config, target, EVIDENCE)
    comments = [line for line in rendered.text.splitlines() if line.startswith("# ")]
    assert rendered.warnings
    for warning in rendered.warnings:
        assert f"# Not expressed: {warning}" in comments
    for line in ("workload.n_requests: 4000", "predicted.p99_ms: 12.5", 'versions.numpy: "2.0"'):
        assert f"# {line}" in comments
    assert parse_config(rendered.text, target).max_batch_size == config.max_batch_size


@each_server
def test_a_warning_is_raised_per_loss_and_the_file_is_written(target: str, tmp_path) -> None:
    path = tmp_path / TARGETS[target].file_name
    config = OptimizationConfig(batch_timeout_ms=0.0004, processor_timeout_ms=0.1)
    with pytest.warns(ExportWarning) as caught:
        text = export(config, target, path)
    assert [str(w.message) for w in caught] == [
        f"{target}: {warning}" for warning in render(config, target).warnings
    ]
    assert path.read_text(encoding="utf-8") == text
    assert load_config(path, target).max_batch_size == 32


@each_server
def test_of_the_text_and_its_rest_the_text_is_believed(target: str) -> None:
    """A value that was changed by hand is not undone by what was carried along."""
    config = OptimizationConfig(max_batch_size=8, batch_timeout_ms=0.3, num_workers=2)
    text = render(config, target).text
    changed = text.replace("8", "16") if target != "triton" else text.replace(": 8", ": 16")
    assert parse_config(changed, target).max_batch_size == 16


@each_server
def test_priorities_of_the_workload_are_expressed_or_named(target: str) -> None:
    evidence = {"workload": {"priorities": [5, 0]}}
    rendered = render(OptimizationConfig(), target, evidence)
    if target == "triton":
        assert "priority_levels: 2" in rendered.text
        assert "default_priority_level: 2" in rendered.text
    else:
        assert any("priorities 0, 5" in warning for warning in rendered.warnings)
    assert any("priority_ageing_ms=1000.0" in warning for warning in rendered.warnings)


@pytest.mark.parametrize("target", ["triton", "torchserve", "tfserving"])
def test_what_a_field_cannot_hold_is_refused(target: str) -> None:
    with pytest.raises(ConfigFileError, match=r"max_batch_size comes to \d+, but .* at most \d+\."):
        render(OptimizationConfig(max_batch_size=2**64), target)


@each_server
@pytest.mark.parametrize("text", ["", "{", "a = = 1", "- 1", "x" * 10, "\0", "a: [", "{}" * 1000])
def test_a_text_of_another_kind_is_one_sentence(target: str, text: str) -> None:
    with pytest.raises(ConfigFileError) as error:
        parse_config(text, target, "the file")
    message = str(error.value)
    assert message.startswith("the file")
    assert "\n" not in message
    assert message.endswith(".")


def test_nothing_of_a_python_file_is_run(tmp_path) -> None:
    proof = tmp_path / "proof"
    text = render(OptimizationConfig(max_batch_size=8), "mosec").text
    text = text.replace("\nWORKER = {", f"\nopen({str(proof)!r}, 'w')\nWORKER = {{", 1)
    assert parse_config(text, "mosec").max_batch_size == 8
    called = text.replace('"num": 4', f'"num": open({str(proof)!r}, "w")')
    with pytest.raises(ConfigFileError, match="WORKER is not a literal"):
        parse_config(called, "mosec")
    assert not proof.exists()


@pytest.mark.parametrize("name", [n for n in TARGETS if TARGETS[n].file_name.endswith(".py")])
def test_evidence_cannot_become_code(name: str) -> None:
    evidence = {"a\nimport os": "\r\nraise SystemExit\x0c\u2028'''\"\"\""}
    text = render(OptimizationConfig(), name, evidence).text
    plain = ast.dump(ast.parse(render(OptimizationConfig(), name).text))
    assert ast.dump(ast.parse(text)) == plain


def test_a_python_file_needs_its_target_named(tmp_path) -> None:
    path = tmp_path / "serve.py"
    with pytest.raises(ConfigFileError, match=r"several servers; give target as one of .*mosec"):
        export(OptimizationConfig(), path=path)
    assert not path.exists()


def test_bentoml_takes_the_promised_latency_and_never_the_wait() -> None:
    config = OptimizationConfig(batch_timeout_ms=7.0)
    assert 'max_latency_ms"' not in render(config, "bentoml").text
    promised = render(config, "bentoml", {"latency_slo_ms": 50.0})
    assert '"max_latency_ms": 50' in promised.text
    assert parse_config(promised.text, "bentoml") == config
    assert any("batch_timeout_ms=7.0: BentoML decides" in w for w in promised.warnings)
    adaptive = replace(config, batching_strategy=BatchingStrategy.ADAPTIVE, latency_target_ms=20.0)
    assert '"max_latency_ms": 20' in render(adaptive, "bentoml", {"latency_slo_ms": 50.0}).text


def test_bentoml_refuses_batches_of_one() -> None:
    with pytest.raises(ConfigFileError, match="max_batch_size is 1, which BentoML refuses"):
        render(OptimizationConfig(max_batch_size=1), "bentoml")


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("triton", "max_queue_delay_microseconds: 2500"),
        ("tfserving", "batch_timeout_micros { value: 2500 }"),
        ("rayserve", '"batch_wait_timeout_s": 0.0025'),
        ("rayserve-config", "batch_wait_timeout_s: 0.0025"),
        ("litserve", '"batch_timeout": 0.0025'),
        ("torchserve", '"maxBatchDelay": 3'),
        ("kserve", "maxLatency: 3"),
        ("mosec", '"max_wait_time": 3'),
    ],
)
def test_the_wait_is_in_the_unit_of_the_server(target: str, line: str) -> None:
    assert line in render(OptimizationConfig(batch_timeout_ms=2.5), target).text


@pytest.mark.parametrize("target", ["triton", "tfserving", "torchserve", "kserve", "mosec"])
def test_a_wait_is_never_rounded_away(target: str) -> None:
    rendered = render(OptimizationConfig(batch_timeout_ms=0.0001), target)
    assert parse_config(rendered.text, target).batch_timeout_ms > 0
    assert any("batch_timeout_ms=0.0001 becomes" in warning for warning in rendered.warnings)


@pytest.mark.parametrize("target", ["triton", "mosec", "torchserve", "tfserving"])
def test_a_bounded_queue_that_rejects_is_expressed(target: str) -> None:
    config = OptimizationConfig(
        max_batch_size=10, max_queue_size=100, queue_full=QueueFullAction.REJECT
    )
    assert not any("queue" in warning for warning in render(config, target).warnings)
    assert parse_config(render(config, target).text, target).max_queue_size == 100


@each_server
def test_a_queue_that_the_server_bounds_by_itself_is_named(target: str) -> None:
    warned = [
        w for w in render(OptimizationConfig(), target).warnings if "max_queue_size=None" in w
    ]
    assert bool(warned) == (target in ("torchserve", "tfserving", "mosec"))
    bounded = OptimizationConfig(max_queue_size=64, queue_full=QueueFullAction.REJECT)
    assert not any("max_queue_size=None" in w for w in render(bounded, target).warnings)
