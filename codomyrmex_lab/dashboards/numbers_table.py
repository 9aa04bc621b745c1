"""The figures of several runs as an HTML table, each with where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.settings import describe_config
from codomyrmex_lab.dashboards.verification import Verification
from codomyrmex_lab.plots import marked_percentile

__all__ = ["numbers_table", "shortened"]

_COLUMNS = (
    "run",
    "settings",
    "answered/s",
    "hit rate",
    "mean batch",
    "p50 ms",
    "p95 ms",
    "p99 ms",
    "n",
    "failed",
)
_CELL = "padding:2px 8px;border-bottom:1px solid rgba(128,128,128,.3);white-space:nowrap;"
_LEFT = ("run", "settings")
_WRAPPED = "min-width:190px;white-space:normal;text-align:left"
_LONGEST = 300
_FAINT = "opacity:.65;font-size:11px"


def numbers_table(
    rows: Sequence[tuple[str, Findings]], verification: Verification | None = None
) -> str:
    """Return an HTML table with one row per run, and the errors of a verification below.

    Parameters
    ----------
    rows : sequence of (str, Findings)
        What a run is called in the picture, and what came of it; the first stands out.
    verification : Verification or None
        Measured beside predicted of the same requests.

    Returns
    -------
    str
        HTML; percentiles with their 95% confidence interval in brackets.
    """
    if not rows:
        return ""
    head = "".join(
        f"<th scope='col' style='{_CELL}text-align:{'left' if name in _LEFT else 'right'}'>"
        f"{name}</th>"
        for name in _COLUMNS
    )
    body = "".join(_row(name, one, first=place == 0) for place, (name, one) in enumerate(rows))
    if verification is not None:
        body += _row("simulated, the same requests", verification.predicted, first=False)
        body += _error_row(verification)
    return (
        "<div style='overflow-x:auto'><table style='border-collapse:collapse;font-size:12px;"
        "font-variant-numeric:tabular-nums;line-height:1.4'>"
        "<caption style='caption-side:bottom;text-align:left;font-size:11px;opacity:.75'>"
        "Brackets hold 95% confidence intervals.</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(name: str, findings: Findings, *, first: bool) -> str:
    summary = findings.summary
    cells = [
        f"{summary.throughput_rps:,.4g}",
        f"{summary.cache_hit_rate:.1%}",
        f"{summary.mean_batch_size:.3g}",
        *(_percentile(findings, percent) for percent in (50, 95, 99)),
        f"{summary.n_requests:,}",
        f"{summary.n_errors:,}",
    ]
    settings = describe_config(findings.config).replace(" ", "\u00a0").replace("·\u00a0", "· ")
    return _html_row(name, escape(settings), cells, "font-weight:600;" if first else "")


def _error_row(verification: Verification) -> str:
    error = {one.name: str(one) for one in verification.figures()}
    said, saw = verification.predicted.summary, verification.measured.summary
    points = 100 * (said.cache_hit_rate - saw.cache_hit_rate)
    names = ("throughput", None, "mean batch", "p50", "p95", "p99")
    cells = [f"{points:+.1f} points" if name is None else error[name] for name in names]
    return _html_row("error of the prediction", "", [*cells, "", ""], "font-style:italic;")


def _html_row(name: str, settings: str, cells: Sequence[str], style: str) -> str:
    right = "".join(f"<td style='{_CELL}text-align:right'>{cell}</td>" for cell in cells)
    return (
        f"<tr style='{style}'><th scope='row' style='{_CELL}text-align:left'>{escape(name)}</th>"
        f"<td style='{_CELL}{_WRAPPED}'>{settings}</td>{right}</tr>"
    )


def _percentile(findings: Findings, percent: int) -> str:
    marked = marked_percentile(findings.summary, percent)
    if math.isnan(marked.value_ms):
        return "–"
    return f"{marked.value_ms:.3g}<br><span style='{_FAINT}'>{marked.interval}</span>"


def shortened(text: str) -> str:
    """Return a message of any length as one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
