"""The numbers of several runs as an HTML table, and of one run as a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from codomyrmex_lab.dashboards.measurement import Run, describe_config
from codomyrmex_lab.plots import marked_percentile

__all__ = ["numbers_table", "run_sentence", "shortened"]

_COLUMNS = (
    "run",
    "settings",
    "requests/s",
    "hit rate",
    "mean batch",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "n",
    "failed",
)
_CELL = "padding:2px 8px;border-bottom:1px solid rgba(128,128,128,.3);white-space:nowrap;"
_WRAPPED = "min-width:210px;white-space:normal;text-align:left"
_LONGEST = 300
_NOTABLE_LATENESS = 0.2  # of the latency
_FAINT = "opacity:.65;font-size:11px"


def numbers_table(runs: Sequence[Run], scope: str) -> str:
    """Return an HTML table with one row per run.

    Parameters
    ----------
    runs : sequence of Run
        The current run first, then the earlier ones.
    scope : str
        What the numbers rest on.

    Returns
    -------
    str
        HTML; percentiles with their 95% confidence interval in brackets.
    """
    if not runs:
        return ""
    head = "".join(
        f"<th scope='col' style='{_CELL}{_WRAPPED if name == 'settings' else 'text-align:right'}'>"
        f"{name}</th>"
        for name in _COLUMNS
    )
    body = "".join(_row(run, current=index == 0) for index, run in enumerate(runs))
    caption = f"{scope}; brackets hold 95% confidence intervals; the first row is drawn in colour"
    return (
        "<div style='overflow-x:auto'><table style='border-collapse:collapse;font-size:12px;"
        "font-variant-numeric:tabular-nums;line-height:1.4'>"
        f"<caption style='caption-side:bottom;text-align:left;font-size:11px;opacity:.75'>"
        f"{escape(caption)}.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(run: Run, *, current: bool) -> str:
    summary = run.summary
    cells = [
        f"{summary.throughput_rps:,.4g}",
        f"{summary.cache_hit_rate:.1%}",
        f"{summary.mean_batch_size:.3g}",
        *(_percentile(run, percent) for percent in (50, 95, 99)),
        f"{summary.n_requests:,}",
        f"{summary.n_errors:,}",
    ]
    weight = "font-weight:600;" if current else "opacity:.75;"
    settings = escape(describe_config(run.config)).replace(" ", "&nbsp;").replace("·&nbsp;", "· ")
    right = "".join(f"<td style='{_CELL}text-align:right'>{cell}</td>" for cell in cells)
    return (
        f"<tr style='{weight}'><th scope='row' style='{_CELL}text-align:right'>{run.number}</th>"
        f"<td style='{_CELL}{_WRAPPED}'>{settings}</td>{right}</tr>"
    )


def _percentile(run: Run, percent: int) -> str:
    marked = marked_percentile(run.summary, percent)
    if math.isnan(marked.value_ms):
        return "–"
    return f"{marked.value_ms:.3g} <span style='{_FAINT}'>{marked.interval}</span>"


def run_sentence(run: Run) -> str:
    """Return the outcome of a run in words."""
    summary = run.summary
    words = f"Run {run.number} measured: {summary.n_requests:,} requests"
    if summary.n_errors < summary.n_requests:
        words += (
            f", {summary.throughput_rps:,.4g} answered/s, p50 {summary.p50_ms:.3g} ms, "
            f"p99 {summary.p99_ms:.3g} ms, hit rate {summary.cache_hit_rate:.1%}"
        )
    if summary.n_errors:
        first = shortened(str(run.trace.results["error"].dropna().iloc[0]))
        words += f", {summary.n_errors:,} of them failed, the first with {first}"
    late_ms = run.trace.metadata.get("lateness_ms", {}).get("p99", 0.0)
    if late_ms > _NOTABLE_LATENESS * summary.p99_ms:
        words += f"; p99 includes {late_ms:.3g} ms by which this process submitted late"
    return words.rstrip(".") + "."


def shortened(text: str) -> str:
    """Return a message of any length as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
