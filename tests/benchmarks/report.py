"""The tables of an area: rows, and their Markdown and JSON."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.machine import Machine
from tests.benchmarks.runner import Samples

__all__ = ["AreaReport", "Reach", "Row", "against", "alone", "markdown_table", "write_report"]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Reach:
    """What a row is to reach; all bounds that are given hold together.

    Parameters
    ----------
    ratio_at_least : float or None
        Times better than the peer.
    at_most, at_least : float or None
        Bound of our own figure.
    """

    ratio_at_least: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, ours: float, ratio: float | None) -> bool:
        """Tell whether all bounds hold."""
        return (
            (self.ratio_at_least is None or (ratio is not None and ratio >= self.ratio_at_least))
            and (self.at_most is None or ours <= self.at_most)
            and (self.at_least is None or ours >= self.at_least)
        )

    def describe(self, unit: str) -> str:
        """Return the bounds in words."""
        bounds = (
            (self.ratio_at_least, "≥ {:g}×"),
            (self.at_most, "≤ {:g} " + unit),
            (self.at_least, "≥ {:g} " + unit),
        )
        return " and ".join(words.format(bound) for bound, words in bounds if bound is not None)


@dataclass(frozen=True)
class Row:
    """One comparison, or one figure alone (``peer`` is then empty).

    ``ours`` and ``peer_value`` are medians over the rounds. ``ratio`` says how many times better
    ours is (above 1: better), whether more is better or less: the median of the rounds' own
    ratios, because what disturbs a round disturbs both. ``worst_ratio`` is the round that went
    worst for us. ``met`` is None where nothing was to be reached.
    """

    measure: str
    unit: str
    ours: float
    peer: str
    peer_value: float | None
    ratio: float | None
    reach: str
    met: bool | None
    worst_ratio: float | None
    ours_spread: tuple[float, float]
    peer_spread: tuple[float, float] | None
    n_rounds: int


def alone(measure: str, unit: str, ours: Samples, reach: Reach | None = None) -> Row:
    """Return a row of our figure by itself."""
    return Row(
        measure,
        unit,
        ours.median,
        "",
        None,
        None,
        reach.describe(unit) if reach else "",
        reach.is_met(ours.median, None) if reach else None,
        None,
        ours.spread,
        None,
        len(ours.values),
    )


def against(
    measure: str,
    unit: str,
    ours: Samples,
    peer: str,
    theirs: Samples,
    *,
    less_is_better: bool,
    reach: Reach | None = None,
) -> Row:
    """Return a row that compares us with a peer, round by round."""
    pairs = zip(ours.values, theirs.values, strict=True)
    ratios = [his / my if less_is_better else my / his for my, his in pairs]
    ratio = median(ratios)
    return Row(
        measure,
        unit,
        ours.median,
        peer,
        theirs.median,
        ratio,
        reach.describe(unit) if reach else "",
        reach.is_met(ours.median, ratio) if reach else None,
        min(ratios),
        ours.spread,
        theirs.spread,
        len(ours.values),
    )


@dataclass(frozen=True)
class AreaReport:
    """All that is written about an area.

    Parameters
    ----------
    area : str
        Its name.
    machine : Machine
        Where it was measured.
    rows : sequence of Row
        The table.
    settings : mapping
        How each measure was taken, by its name.
    did_not_pay : sequence of str
        Ideas that were tried and dropped, with their figures.
    """

    area: str
    machine: Machine
    rows: Sequence[Row]
    settings: Mapping[str, str]
    did_not_pay: Sequence[str] = ()


def write_report(report: AreaReport, folder: Path = RESULTS) -> list[Path]:
    """Write ``<area>.md`` and ``<area>.json``; return their paths."""
    folder.mkdir(exist_ok=True)
    markdown, record = folder / f"{report.area}.md", folder / f"{report.area}.json"
    markdown.write_text(_markdown(report), encoding="utf-8")
    machine = asdict(report.machine)
    versions = machine.pop("versions")
    rows = [asdict(row) for row in report.rows]
    content = {"area": report.area, "machine": machine, "versions": versions, "rows": rows}
    record.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return [markdown, record]


def markdown_table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table, ratios first."""
    lines = [
        "| ratio (worst round) | measure | ours (min-max) "
        "| peer | theirs (min-max) | reach | met |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"**{row.ratio:.3g}×** ({row.worst_ratio:.3g}×)"
    theirs = ""
    if row.peer_value is not None and row.peer_spread is not None:
        theirs = _figure(row.peer_value, row.peer_spread, row.unit)
    met = {None: "", True: "yes", False: "**no**"}[row.met]
    ours = _figure(row.ours, row.ours_spread, row.unit)
    return ratio, row.measure, ours, row.peer, theirs, row.reach, met


def _figure(value: float, spread: tuple[float, float], unit: str) -> str:
    low, high = spread
    return f"{_digits(value)} {unit} ({_digits(low)}-{_digits(high)})"


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _markdown(report: AreaReport) -> str:
    machine = report.machine
    asked = [row for row in report.rows if row.met is not None]
    short = [row for row in asked if not row.met]
    versions = ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    parts = [
        f"# Measured: {report.area}",
        f"{machine.cpu}, {machine.n_cores} cores, {machine.python}, {machine.system}; load average "
        f"at the start {machine.load_average}. {versions}.",
        "Ours and the peers ran in turn in one process. Figures are medians over the rounds; a "
        "ratio says how many times better ours is, and is the median of the rounds' own ratios.",
        f"{len(asked) - len(short)} of {len(asked)} rows reach what they are to. {_worst(asked)}",
        markdown_table(report.rows),
    ]
    if short:
        parts += ["## Falls short", _bullets(f"{row.measure}: {_summary(row)}" for row in short)]
    parts.append("## How each was measured")
    parts += [f"### {name}\n\n{inspect.cleandoc(text)}" for name, text in report.settings.items()]
    if report.did_not_pay:
        parts += ["## Ideas that did not pay", _bullets(report.did_not_pay)]
    return "\n\n".join(parts) + "\n"


def _worst(asked: Sequence[Row]) -> str:
    compared = [row for row in asked if row.ratio is not None]
    if not compared:
        return ""
    worst = min(compared, key=lambda row: row.ratio or 0.0)
    return f"Worst ratio: {worst.measure}, {_summary(worst)}."


def _summary(row: Row) -> str:
    own = f"{_digits(row.ours)} {row.unit}"
    if row.ratio is None:
        return f"{own}, to reach {row.reach}"
    return f"{row.ratio:.3g}× {row.peer} ({own}), to reach {row.reach}"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
