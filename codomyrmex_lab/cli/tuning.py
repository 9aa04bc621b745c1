"""``codomyrmex-lab tune`` and ``verify``: search for settings, and measure what was found."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill, indent
from typing import Any, get_args, get_type_hints

import pandas as pd

from codomyrmex_lab.cli.command import NOT_SO, OK, Commands, add_command, table
from codomyrmex_lab.cli.inputs import model_named, workload_of, workload_options
from codomyrmex_lab.errors import InfeasibleError, SettingError
from codomyrmex_lab.export import TARGETS, Tuned, check_output, export
from codomyrmex_lab.export.place import check_place, write_text
from codomyrmex_lab.optimization.models import OptimizationConfig, QuantizationType
from codomyrmex_lab.simulation import ServiceProfile
from codomyrmex_lab.tuning import FIGURES, OBJECTIVES, TuningResult, tune, verify
from codomyrmex_lab.tuning.variants import QualityData
from codomyrmex_lab.workloads import Workload

__all__ = ["add_commands"]

_TRUTH = {"true": True, "false": False}
_NAMES = (
    "figures for --constraint:\n"
    + "".join(f"  {figure.name:16} {figure.meaning}\n" for figure in FIGURES.values())
    + "settings for --space:\n"
    + indent(fill(", ".join(get_type_hints(OptimizationConfig)), 94), "  ")
)


def add_commands(areas: Commands[argparse.ArgumentParser]) -> None:
    """Add ``tune`` and ``verify``."""
    parents = (workload_options(), _search_options())
    command = add_command(
        areas,
        "tune",
        _tune,
        "search by simulation for the settings that serve a workload",
        parents,
        _NAMES,
    )
    command.add_argument(
        "--front",
        metavar="FILE",
        help="also write the Pareto front of all settings tried, .csv",
    )
    command = add_command(
        areas,
        "verify",
        _verify,
        "search, or take the trials of a search from --store, and measure the best on the engine",
        parents,
        _NAMES,
    )
    command.add_argument("model", metavar="MODEL", help="an .onnx file, or module:function")
    command.add_argument(
        "--finalists",
        type=int,
        default=3,
        metavar="N",
        help="how many of the best settings to measure; default: %(default)s",
    )
    command.add_argument(
        "--rounds",
        type=int,
        default=8,
        metavar="N",
        help="how often at most each serves the whole workload; default: %(default)s",
    )
    command.add_argument(
        "--confidence",
        type=float,
        default=0.95,
        metavar="SHARE",
        help="of the whole verdict, above 0 and below 1; default: %(default)s",
    )


def _search_options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(add_help=False)
    options = parser.add_argument_group("search")
    options.add_argument(
        "--profile", metavar="FILE", required=True, help="what 'profile' has written"
    )
    options.add_argument(
        "--objective",
        choices=list(OBJECTIVES),
        default="throughput",
        help="what is to be as good as possible; default: %(default)s",
    )
    options.add_argument(
        "--constraint",
        metavar="'FIGURE <= NUMBER'",
        action="append",
        default=[],
        help="what has to hold, such as 'p99_ms <= 50'; may be given again",
    )
    options.add_argument(
        "--space",
        metavar="SETTING=V,V,...",
        action="append",
        default=[],
        help="values to try for a setting, such as max_batch_size=1,8,32; may be given again; "
        "what the profile knows if left out",
    )
    options.add_argument(
        "--quality",
        metavar="FILE",
        help="what 'profile --quality' has written (.csv), or only quality by variant, JSON such "
        'as {"fp32": 1.0, "int8": 0.99}',
    )
    options.add_argument(
        "--result-bytes",
        type=float,
        default=0.0,
        metavar="N",
        help="memory of one cached result, which counts in memory_mb; default: %(default)g",
    )
    options.add_argument(
        "--tolerance",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="of the best objective, by which simpler settings may be worse; default: %(default)s",
    )
    options.add_argument(
        "--store", metavar="FILE", help="SQLite file of the trials; an interrupted search goes on"
    )
    options.add_argument(
        "--trials",
        type=int,
        metavar="N",
        help="settings to try; of a larger space a sample is searched",
    )
    options.add_argument(
        "--jobs", type=int, default=-1, metavar="N", help="trials at once; default: all cores"
    )
    options.add_argument(
        "--output", metavar="FILE", help="write the settings, with their evidence; .json, .toml ..."
    )
    options.add_argument(
        "--target",
        choices=list(TARGETS),
        metavar="TARGET",
        help=f"format of --output, by default that of its ending; one of {', '.join(TARGETS)}",
    )
    options.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    options.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


def _tune(chosen: argparse.Namespace) -> int:
    _check_output(chosen)
    if chosen.front is not None:
        check_place(Path(chosen.front), overwrite=chosen.overwrite)
    result = _searched(chosen, workload_of(chosen))
    if result is None:
        return NOT_SO
    figures = pd.DataFrame({"predicted": dict(result.predicted)}).rename_axis("figure")
    changes = _with_percentages(result.sensitivity, "change").set_index("setting")
    print(result.explanation, table(figures.dropna()), sep="\n\n")
    print("\nOne change to it, or to the load, comes to:", table(changes), sep="\n\n")
    if chosen.front is not None:
        write_text(
            Path(chosen.front), result.pareto.to_csv(index=False), overwrite=chosen.overwrite
        )
        print(f"\nWritten: {chosen.front}")
    _write(chosen, result)
    return OK


def _verify(chosen: argparse.Namespace) -> int:
    _check_output(chosen)
    workload = workload_of(chosen)
    model = model_named(chosen.model)
    result = _searched(chosen, workload)
    if result is None:
        return NOT_SO
    found = verify(
        result,
        model,
        workload,
        n_finalists=chosen.finalists,
        max_rounds=chosen.rounds,
        confidence=chosen.confidence,
        progress=not chosen.quiet,
    )
    shown = found.comparison
    if found.chosen is not None:
        shown = pd.DataFrame(shown.xs(found.chosen, level="finalist"))
    print(found.explanation, table(_with_percentages(shown, "error")), sep="\n\n")
    if not found.holds:
        return NOT_SO
    _write(chosen, found)
    return OK


def _with_percentages(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    shown = frame[column].map(lambda share: f"{share:+.1%}" if math.isfinite(share) else "-")
    return frame.assign(**{column: shown})


def _searched(chosen: argparse.Namespace, workload: Workload) -> TuningResult | None:
    try:
        return tune(
            workload,
            ServiceProfile.load(chosen.profile),
            chosen.objective,
            chosen.constraint,
            _space(chosen.space),
            quality=_quality(chosen.quality),
            result_bytes=chosen.result_bytes,
            n_trials=chosen.trials,
            tolerance=chosen.tolerance,
            store=chosen.store,
            seed=chosen.seed,
            n_jobs=chosen.jobs,
            progress=not chosen.quiet,
        )
    except InfeasibleError as error:
        print(f"codomyrmex-lab: {error}", file=sys.stderr)
        return None


def _check_output(chosen: argparse.Namespace) -> None:
    if chosen.output is not None:
        check_output(chosen.output, chosen.target, chosen.overwrite)


def _write(chosen: argparse.Namespace, tuned: Tuned) -> None:
    if chosen.output is not None:
        export(tuned, chosen.target, chosen.output, chosen.overwrite)
        print(f"\nWritten: {chosen.output}")


def _space(texts: list[str]) -> Mapping[str, list[Any]] | None:
    expected = get_type_hints(OptimizationConfig)
    space: dict[str, list[Any]] = {}
    for text in texts:
        name, sign, values = text.partition("=")
        if not sign or name.strip() not in expected:
            raise SettingError(
                f"--space is {text!r}; expected SETTING=VALUE,VALUE,... where the setting is one "
                f"of {', '.join(expected)}."
            )
        kind = expected[name.strip()]
        space[name.strip()] = [_value(name.strip(), kind, part) for part in values.split(",")]
    return space or None


def _value(name: str, kind: Any, text: str) -> Any:
    word = text.strip().lower()
    kinds = get_args(kind) or (kind,)
    if word == "none" and type(None) in kinds:
        return None
    wanted = next(one for one in kinds if one is not type(None))
    try:
        if wanted is bool:
            return _TRUTH[word]
        return wanted(word)  # a number, or the member of an enumeration
    except (ValueError, KeyError):
        raise SettingError(f"--space {name} has {text!r}, which is no value of it.") from None


def _quality(path: str | None) -> QualityData | None:
    if path is None:
        return None
    try:
        if path.lower().endswith(".csv"):
            return pd.read_csv(path, index_col="variant")
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        return {QuantizationType(name): float(value) for name, value in values.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingError(
            f"--quality {path} cannot be used ({' '.join(str(error).split())}); expected what "
            "'profile --quality' has written, or JSON of quality by variant, such as "
            '{"fp32": 1.0, "int8": 0.99}.'
        ) from error
