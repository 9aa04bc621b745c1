"""What the live screen says of a moment."""

from __future__ import annotations

from codomyrmex_lab.dashboards.live_history import Moment
from codomyrmex_lab.dashboards.readout import Reading, number

__all__ = ["caption_of", "readings_of"]


def caption_of(moment: Moment) -> str:
    """Return what the figures rest on."""
    figures = moment.figures
    return f"Measured, the last {figures.seconds:.2g} s, n = {figures.n_requests:,}"


def readings_of(moment: Moment) -> list[Reading]:
    """Return the figures of a moment, for the row above the picture."""
    figures = moment.figures
    failed = [Reading("failed", f"{figures.n_errors:,}")] if figures.n_errors else []
    return [
        Reading("answered/s", number(figures.throughput_rps)),
        Reading("p50", number(figures.p50_ms, " ms")),
        Reading("p95", number(figures.p95_ms, " ms")),
        Reading("p99", number(figures.p99_ms, " ms")),
        Reading("hit rate", f"{figures.cache_hit_rate:.1%}"),
        Reading("mean batch", number(moment.column("mean_batch_size"))),
        Reading("waiting", f"{moment.queue_length:,}"),
        *failed,
    ]
