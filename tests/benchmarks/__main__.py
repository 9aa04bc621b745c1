"""Runs one area, or all of them, and writes its tables: ``python -m tests.benchmarks [AREA]``.

With names of measures after the area only these run; they are printed and not written.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from tests.benchmarks.machine import Machine
from tests.benchmarks.report import AreaReport, Row, markdown_table, write_report

AREAS = (
    "engine",
    "tracing",
    "simulation",
    "quantization",
    "fidelity",
    "tuning",
    "screens",
    "endurance",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("area", nargs="?", choices=AREAS, help="all areas if left out")
    parser.add_argument("measure", nargs="*", help="modules of the area; all if left out")
    chosen = parser.parse_args()
    for name in [chosen.area] if chosen.area else AREAS:
        area = import_module(f"tests.benchmarks.{name}")
        measures = _chosen(area, chosen.measure)
        if measures != list(area.MEASURES):
            print(markdown_table(_run(measures)))
            continue
        machine = Machine.here(area.PEERS)  # before anything runs: it notes the load
        rows = _run(measures)
        settings = {_name(measure): measure.__doc__ or "" for measure in measures}
        paths = write_report(AreaReport(name, machine, rows, settings, area.DID_NOT_PAY))
        print(*paths, sep="\n")
    return 0


def _chosen(area: ModuleType, names: list[str]) -> list[ModuleType]:
    by_name = {_name(measure): measure for measure in area.MEASURES}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise SystemExit(f"Unknown measure {unknown[0]!r}; expected one of {', '.join(by_name)}.")
    return [by_name[name] for name in names] or list(area.MEASURES)


def _run(measures: Iterable[ModuleType]) -> list[Row]:
    rows: list[Row] = []
    for measure in measures:
        began_s = time.perf_counter()
        new = measure.rows()
        rows += new
        print(f"## {_name(measure)} ({time.perf_counter() - began_s:.0f} s)", file=sys.stderr)
        print(markdown_table(new), file=sys.stderr, flush=True)
    return rows


def _name(measure: ModuleType) -> str:
    return measure.__name__.rpartition(".")[2]


if __name__ == "__main__":
    raise SystemExit(main())
