"""What the tuning screen says about findings, on the page and in an exported file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from codomyrmex_lab.dashboards.findings import Findings
from codomyrmex_lab.dashboards.readout import Reading, number
from codomyrmex_lab.dashboards.verification import Verification
from codomyrmex_lab.workloads import Workload

if TYPE_CHECKING:
    from codomyrmex_lab.simulation import ServiceProfile

__all__ = [
    "caption_of",
    "evidence_of",
    "no_readings",
    "plain_figures",
    "readings_of",
    "sentence_of",
]

_EVIDENT = (
    "n_requests",
    "throughput_rps",
    "cache_hit_rate",
    "mean_batch_size",
    "p50_ms",
    "p95_ms",
    "p99_ms",
)


def readings_of(findings: Findings, measured: Findings | None = None) -> list[Reading]:
    """Return the figures of a run, for the row above the picture.

    Parameters
    ----------
    findings : Findings
        What the simulator said.
    measured : Findings or None
        What the real engine did with the same requests.
    """
    said, saw = _figures(findings), None if measured is None else _figures(measured)
    readings = [
        Reading(name, value, "" if saw is None else saw[name]) for name, value in said.items()
    ]
    if math.isfinite(findings.load_factor):
        readings.append(Reading("capacity used", f"{100 * findings.load_factor:.3g}%"))
    if findings.summary.n_errors:
        readings.append(Reading("failed", f"{findings.summary.n_errors:,}"))
    return readings


def no_readings() -> list[Reading]:
    """Return the same figures before there are any."""
    names = ("p50", "p95", "p99", "answered/s", "hit rate", "mean batch", "capacity used")
    return [Reading(name, "–") for name in names]


def _figures(findings: Findings) -> dict[str, str]:
    summary = findings.summary
    return {
        "p50": number(summary.p50_ms, " ms"),
        "p95": number(summary.p95_ms, " ms"),
        "p99": number(summary.p99_ms, " ms"),
        "answered/s": number(summary.throughput_rps),
        "hit rate": f"{summary.cache_hit_rate:.1%}",
        "mean batch": number(summary.mean_batch_size),
    }


def caption_of(findings: Findings, verified: Verification | None) -> str:
    """Return what the row of figures rests on."""
    scope = findings.distribution.scope.of_requests()
    words = f"{scope[:1].upper()}{scope[1:]}"
    if verified is None:
        return words
    return f"{words}; in small type: measured on the real engine with the same requests"


def sentence_of(now: Findings, verified: Verification | None) -> str:
    """Return what is to be said beside the figures: what they rest on, and what to beware of."""
    words = f"{caption_of(now, None)}." if verified is None else verified.sentence
    return " ".join((words, *now.caveats))


def evidence_of(
    workload: Workload,
    load: float,
    profile: ServiceProfile,
    predicted: Findings,
    verified: Verification | None,
) -> dict[str, Any]:
    """Return what an exported config rests on, as plain values."""
    traffic = workload.describe()["value"].to_dict()
    evidence: dict[str, Any] = {
        "workload": {name: _plain(value) for name, value in traffic.items()},
        "load": load,
        "profile": {"model": profile.model, "host": dict(profile.host)},
        "predicted": plain_figures(predicted),
    }
    if verified is not None:
        evidence["measured"] = plain_figures(verified.measured)
    return evidence


def plain_figures(findings: Findings) -> dict[str, float]:
    """Return the figures of a run that an exported config brings along."""
    return {name: _plain(getattr(findings.summary, name)) for name in _EVIDENT}


def _plain(value: float) -> float:
    """Return a figure whole where it is, and in six digits otherwise."""
    return int(value) if float(value).is_integer() else float(f"{value:.6g}")
