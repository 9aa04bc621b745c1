"""``codomyrmex-lab profile``: measure how long a model takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from codomyrmex_lab.cli.command import OK, Commands, add_command, table
from codomyrmex_lab.cli.inputs import model_named, workload_of, workload_options
from codomyrmex_lab.errors import SettingError
from codomyrmex_lab.export.place import check_place, write_text
from codomyrmex_lab.optimization.models import QuantizationType
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.simulation import profile
from codomyrmex_lab.workloads import Workload

__all__ = ["add_commands"]

_MOST_JUDGED = 1000
_SHOWN = ["file_mb", "top1_agreement", "mean_cosine"]


def add_commands(areas: Commands[argparse.ArgumentParser]) -> None:
    """Add ``profile``."""
    command = add_command(
        areas,
        "profile",
        _profile,
        "measure how long a model takes, for 'tune' to search with",
        (workload_options(),),
    )
    command.add_argument("model", metavar="MODEL", help="an .onnx file, or module:function")
    command.add_argument("output", metavar="OUTPUT", help="the profile to write, .parquet")
    command.add_argument("--overwrite", action="store_true", help="replace files that exist")
    command.add_argument(
        "--quality",
        metavar="FILE",
        help="also judge the outputs of each variant on the workload's inputs, for 'tune', .csv",
    )
    command.add_argument(
        "--batch-sizes", metavar="N,N,...", help="batch sizes to measure, such as 1,8,64"
    )
    command.add_argument(
        "--workers",
        metavar="N,N,...",
        help="numbers of model calls at once to measure, such as 1,2",
    )
    command.add_argument(
        "--quantizations", metavar="Q,Q,...", help="variants to measure, such as fp32,int8"
    )
    command.add_argument("--budget", type=float, metavar="S", help="seconds to measure for, about")
    command.add_argument("--quiet", action="store_true", help="show no progress")


def _profile(chosen: argparse.Namespace) -> int:
    for output in (chosen.output, chosen.quality):
        if output is not None:
            check_place(Path(output), overwrite=chosen.overwrite)
    workload = None
    if chosen.workload is not None or chosen.poisson is not None:
        workload = workload_of(chosen)
    settings = {
        "batch_sizes": _integers("--batch-sizes", chosen.batch_sizes),
        "workers": _integers("--workers", chosen.workers),
        "quantizations": _quantizations(chosen.quantizations),
        "budget_s": chosen.budget,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    model = model_named(chosen.model)
    judged = None if chosen.quality is None else _judged(model, workload)
    found = profile(
        model,
        workload,
        progress=not chosen.quiet,
        seed=chosen.seed,
        **given,
    )
    found.save(Path(chosen.output))
    print(found, f"Written: {chosen.output}", sep="\n")
    if judged is not None:
        write_text(Path(chosen.quality), judged.to_csv(), overwrite=chosen.overwrite)
        print(table(judged[_SHOWN]), f"Written: {chosen.quality}", sep="\n")
    return OK


def _judged(model: Any, workload: Workload | None) -> pd.DataFrame:
    if not isinstance(model, OnnxModel) or workload is None:
        raise SettingError(
            "--quality needs an .onnx MODEL, whose variants are compared, and a workload with its "
            "inputs."
        )
    requests = np.unique(workload.key_codes, return_index=True)[1][:_MOST_JUDGED]
    return model.quality([workload.payloads[request] for request in requests])


def _integers(option: str, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise SettingError(f"{option} is {text!r}; expected whole numbers, as in 1,2,4.") from None


def _quantizations(text: str | None) -> tuple[QuantizationType, ...] | None:
    if text is None:
        return None
    try:
        return tuple(QuantizationType(part.strip().lower()) for part in text.split(","))
    except ValueError:
        known = ", ".join(one.value for one in QuantizationType)
        raise SettingError(f"--quantizations is {text!r}; expected some of {known}.") from None
