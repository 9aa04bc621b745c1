"""Traces as OpenTelemetry spans, through the official SDK of whoever has it installed."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from codomyrmex_lab.errors import TraceError
from codomyrmex_lab.tracing.trace import Trace

__all__ = ["emit_spans"]

_ATTRIBUTES = ("id", "priority", "from_cache", "joined", "batch_id", "batch_size")


def emit_spans(trace: Trace, provider: Any, *, began_ns: int | None = None) -> int:
    """Emit a span per request, with its queueing and its service as children.

    Parameters
    ----------
    trace : Trace
        Its requests become traces of their own.
    provider : opentelemetry.trace.TracerProvider
        Where spans go; set up with the exporter of your choice.
    began_ns : int or None
        Wall-clock time of the first arrival, in ns since 1970; if None, such that the trace ends
        now.

    Returns
    -------
    int
        Number of spans.

    Raises
    ------
    TraceError
        OpenTelemetry is not installed.
    """
    try:
        api = import_module("opentelemetry.trace")
        no_parent = import_module("opentelemetry.context").Context()
    except ModuleNotFoundError:
        raise TraceError(
            "Spans need OpenTelemetry, which is not installed; install codomyrmex-lab[otel]."
        ) from None
    frame = trace.frame()
    if began_ns is None:
        began_ns = time.time_ns() - (frame["end"].max().value if len(frame) else 0)
    tracer = provider.get_tracer("codomyrmex_lab")
    n_spans = 0

    def emit(name: str, begin: Any, end: Any, parent: Any, attributes: dict[str, Any]) -> Any:
        nonlocal n_spans
        n_spans += 1
        span = tracer.start_span(
            name, context=parent, attributes=attributes, start_time=began_ns + begin.value
        )
        return span, began_ns + end.value

    for row in frame.astype(object).where(frame.notna(), None).to_dict("records"):
        attributes = {
            f"codomyrmex_lab.{name}": row[name] for name in _ATTRIBUTES if row[name] is not None
        }
        span, end_ns = emit("inference", row["arrival"], row["end"], no_parent, attributes)
        if row["error"] is not None:
            span.set_status(api.Status(api.StatusCode.ERROR, row["error"]))
        if row["start"] is not None and not row["from_cache"]:
            inside = api.set_span_in_context(span, no_parent)
            for name, begin, end in (
                ("queue", row["arrival"], row["start"]),
                ("service", row["start"], row["end"]),
            ):
                child, child_end_ns = emit(name, begin, end, inside, {})
                child.end(end_time=child_end_ns)
        span.end(end_time=end_ns)
    return n_spans
