"""The tables of the trace explorer, as HTML."""

from __future__ import annotations

import math
from html import escape

import pandas as pd

from codomyrmex_lab.dashboards.readout import number
from codomyrmex_lab.tracing import Trace, compare
from codomyrmex_lab.tracing.comparison import Difference

__all__ = ["comparison_table", "slowest_table"]

_CELL = "padding:2px 8px;border-bottom:1px solid rgba(128,128,128,.3);text-align:right"


def slowest_table(slowest: pd.DataFrame) -> str:
    """Return rows of a trace's frame, with the reason for which their batches left."""
    rows = [
        {
            "request": f"{record['id']}",
            "arrival s": f"{record['arrival'].total_seconds():.4f}",
            "latency ms": f"{record['latency_ms']:.4g}",
            "waiting ms": number(record["queue_ms"], digits=4),
            "model call ms": number(record["service_ms"], digits=4),
            "batch": "–" if pd.isna(record["batch_id"]) else f"{record['batch_id']}",
            "batch size": "–" if pd.isna(record["batch_size"]) else f"{record['batch_size']}",
            "left because": "–" if pd.isna(record["reason"]) else record["reason"],
            "priority": f"{record['priority']}",
            "error": "" if pd.isna(record["error"]) else record["error"][:80],
        }
        for record in slowest.to_dict("records")
    ]
    return _table("The slowest of the selected requests", rows)


def comparison_table(selected: Trace, other: Trace) -> str:
    """Return how two traces differ, with intervals."""
    rows = [
        {
            "figure": one.figure.removesuffix("_ms") + " ms",
            "selected": number(one.before),
            "other": number(one.after),
            "difference": f"{_signed(one.difference)} {_interval(one)}",
            "": "differs" if one.distinguishable else "within noise",
        }
        for one in compare(selected, other).differences
    ]
    return _table("Selected against the other trace; brackets hold 95% intervals", rows)


def _interval(difference: Difference) -> str:
    """Return the interval in brackets; in words where too few requests bound it."""
    low, high = difference.ci_low, difference.ci_high
    if not (math.isfinite(low) or math.isfinite(high)):
        return "[too few requests to bound it]"
    words = (
        _signed(low) if math.isfinite(low) else "no lower bound",
        _signed(high) if math.isfinite(high) else "no upper bound",
    )
    return f"[{', '.join(words)}]"


def _signed(value: float) -> str:
    return f"{value:+.3g}" if math.isfinite(value) else "–"


def _cell(text: str) -> str:
    return f"<td style='{_CELL}'>{escape(text)}</td>"


def _table(caption: str, rows: list[dict[str, str]]) -> str:
    if not rows:
        return f"<div role='note'>{escape(caption)}: none.</div>"
    head = "".join(f"<th scope='col' style='{_CELL}'>{escape(name)}</th>" for name in rows[0])
    body = "".join(
        "<tr>"
        + "".join(f"<td style='{_CELL}'>{escape(cell)}</td>" for cell in row.values())
        + "</tr>"
        for row in rows
    )
    return (
        "<div style='overflow-x:auto'><table style='border-collapse:collapse;font-size:12px;"
        "font-variant-numeric:tabular-nums;line-height:1.4'>"
        f"<caption style='text-align:left;font-weight:600'>{escape(caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
