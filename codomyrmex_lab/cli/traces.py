"""``codomyrmex-lab trace``: traces summed up, compared and converted."""

from __future__ import annotations

import argparse
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from codomyrmex_lab.cli.command import NOT_SO, OK, Commands, add_command, table
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.tracing import Trace, breakdown, compare, write_csv, write_perfetto

__all__ = ["add_commands"]

_WRITERS: Mapping[str, Callable[[Trace, Path], Path]] = {
    "perfetto": write_perfetto,
    "csv": write_csv,
    "parquet": Trace.save,
}
_HOLDS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt}
_REQUIREMENT = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")


def add_commands(areas: Commands[argparse.ArgumentParser]) -> None:
    """Add ``trace`` with its commands."""
    trace = areas.add_parser("trace", help="sum up, compare or convert traces")
    commands = trace.add_subparsers(required=True, metavar="COMMAND")

    summary = add_command(commands, "summary", _summary, "print the figures of a trace")
    summary.add_argument("file", metavar="FILE", help="a trace file, or a recorder's folder")
    summary.add_argument(
        "--require",
        metavar="'FIGURE <= NUMBER'",
        action="append",
        default=[],
        help="fail unless this holds, for example 'p99_ms <= 50'; may be given again",
    )

    comparison = add_command(
        commands, "compare", _compare, "tell whether the latencies of two traces differ"
    )
    comparison.add_argument("before", metavar="BEFORE", help="the trace to compare with")
    comparison.add_argument("after", metavar="FILE", help="the trace in question")
    comparison.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        help="probability with which each interval holds the truth (default: %(default)s)",
    )

    export = add_command(commands, "export", _export, "write a trace in another form")
    export.add_argument("file", metavar="FILE", help="a trace file, or a recorder's folder")
    export.add_argument("output", metavar="OUTPUT", help="the file to write")
    export.add_argument(
        "--to", choices=sorted(_WRITERS), default="perfetto", help="default: %(default)s"
    )


def _summary(chosen: argparse.Namespace) -> int:
    trace = Trace.open(chosen.file)
    figures = trace.summary().frame()
    requirements = [_requirement(text, list(figures.index)) for text in chosen.require]
    print(table(figures), table(breakdown(trace)), sep="\n\n")
    values, failed = figures["value"].to_dict(), False
    for figure, sign, bound in requirements:
        value = values[figure]
        holds = bool(_HOLDS[sign](value, bound))
        failed |= not holds
        print(f"\n{'holds' if holds else 'FAILS'}: {figure} {sign} {bound:g} (it is {value:.4g})")
    return NOT_SO if failed else OK


def _requirement(text: str, figures: list[str]) -> tuple[str, str, float]:
    found = _REQUIREMENT.fullmatch(text)
    try:
        if found is None or found[1] not in figures:
            raise ValueError
        return found[1], found[2], float(found[3])
    except ValueError:
        raise SettingError(
            f"--require is {text!r}; expected a figure, one of < <= > >= and a number, where the "
            f"figure is one of {', '.join(figures)}."
        ) from None


def _compare(chosen: argparse.Namespace) -> int:
    if not 0 < chosen.confidence < 1:
        raise SettingError(
            f"--confidence is {chosen.confidence}; expected a number between 0 and 1."
        )
    comparison = compare(
        Trace.open(chosen.before), Trace.open(chosen.after), confidence=chosen.confidence
    )
    rows = [asdict(difference) for difference in comparison.differences]
    for row in rows:
        row["distinguishable"] = "yes" if row["distinguishable"] else "no"
    print(table(pd.DataFrame(rows).set_index("figure")))
    print(f"\n{comparison.n_before:,} requests before, {comparison.n_after:,} after.")
    if comparison.differs:
        print(f"The traces differ by more than noise, at {chosen.confidence:.0%} per figure.")
        return NOT_SO
    print("No difference is distinguishable from noise.")
    return OK


def _export(chosen: argparse.Namespace) -> int:
    print(_WRITERS[chosen.to](Trace.open(chosen.file), Path(chosen.output)))
    return OK
