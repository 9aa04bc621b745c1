import sys

import pytest

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing import TraceRecorder, emit_spans

from .conftest import MakeBatch, MakeRequest

export = pytest.importorskip("opentelemetry.sdk.trace.export")


def test_requests_become_spans_with_children(
    make_batch: MakeBatch, make_request: MakeRequest
) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    from opentelemetry.trace import StatusCode

    recorder = TraceRecorder()
    recorder.on_batch(make_batch(4, [make_request(1, 100)], 150, 190))
    recorder.on_cache_hit(2, 0, "key", 110, 115)
    recorder.on_unserved(make_request(3, 120), 130, ValueError("x"))
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))

    n_spans = emit_spans(recorder.trace(), provider, began_ns=10**18)

    spans = exporter.get_finished_spans()
    assert n_spans == len(spans) == 5
    queue, service, computed, hit, failed = spans
    assert (queue.name, service.name, computed.name) == ("queue", "service", "inference")
    assert queue.parent.span_id == service.parent.span_id == computed.context.span_id
    assert computed.parent is None
    assert [s.start_time - 10**18 for s in spans] == [0, 50, 0, 10, 20]
    assert [s.end_time - 10**18 for s in spans] == [50, 90, 90, 15, 30]
    assert computed.attributes["codomyrmex_lab.batch_id"] == 4
    assert hit.attributes["codomyrmex_lab.from_cache"] is True
    assert "codomyrmex_lab.batch_id" not in hit.attributes
    assert (failed.status.status_code, failed.status.description) == (
        StatusCode.ERROR,
        "ValueError: x",
    )


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)

    with pytest.raises(TraceError, match=r"install codomyrmex-lab\[otel\]"):
        emit_spans(TraceRecorder().trace(), None)
