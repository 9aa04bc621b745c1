"""Workloads, payloads and models as a command line names them."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from codomyrmex_lab.errors import ModelError, SettingError, WorkloadError
from codomyrmex_lab.optimization.models import check_integer
from codomyrmex_lab.runtimes import OnnxModel
from codomyrmex_lab.workloads import Workload
from codomyrmex_lab.workloads.ranges import check_number
from codomyrmex_lab.workloads.table import TimeUnit

__all__ = ["model_named", "workload_of", "workload_options"]

_READERS = {
    ".csv": Workload.from_csv,
    ".jsonl": Workload.from_jsonl,
    ".parquet": Workload.from_parquet,
}


def workload_options() -> argparse.ArgumentParser:
    """Return the options that say what arrives."""
    parser = argparse.ArgumentParser(add_help=False)
    options = parser.add_argument_group("workload")
    options.add_argument("--workload", metavar="FILE", help="a .csv, .jsonl or .parquet file")
    options.add_argument("--arrival", metavar="COLUMN", help="its column of arrival times")
    options.add_argument(
        "--time-unit",
        choices=get_args(TimeUnit),
        default="s",
        help="of that column's numbers; default: %(default)s",
    )
    options.add_argument(
        "--key",
        metavar="COLUMN",
        help="its column that is equal for equal inputs; that of --payload if left out",
    )
    options.add_argument("--payload", metavar="COLUMN", help="its column of inputs")
    options.add_argument("--priority", metavar="COLUMN", help="its column of priorities")
    options.add_argument(
        "--poisson", metavar="RPS,N", help="instead of a file: N seeded Poisson arrivals at RPS"
    )
    options.add_argument(
        "--payloads",
        metavar="FILE",
        help="inputs to draw from (Zipf): .npy, or .csv of numbers with one input per row",
    )
    options.add_argument("--head", type=int, metavar="N", help="take only its first N requests")
    options.add_argument(
        "--speed", type=float, default=1.0, metavar="X", help="X times as fast as it is"
    )
    options.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of what is random; default: %(default)s"
    )
    return parser


def workload_of(chosen: argparse.Namespace) -> Workload:
    """Return the workload of these options, or raise a one-sentence error."""
    if chosen.head is not None:
        check_integer("--head", chosen.head, at_least=1)
    check_number("--speed", chosen.speed, above_zero=True)
    check_integer("--seed", chosen.seed, at_least=0)
    workload = _whole_workload(chosen)
    if chosen.head is not None:
        workload = workload.head(chosen.head)
    return workload if chosen.speed == 1 else workload.scale_rate(chosen.speed)


def _whole_workload(chosen: argparse.Namespace) -> Workload:
    payloads = None if chosen.payloads is None else _payloads(Path(chosen.payloads))
    if (chosen.workload is None) == (chosen.poisson is None):
        raise SettingError("Give either --workload FILE or --poisson RPS,N.")
    if chosen.poisson is not None:
        rate_rps, n_requests = _rate_and_number(chosen.poisson)
        return Workload.poisson(rate_rps, n_requests, payloads=payloads, seed=chosen.seed)
    reader = _READERS.get(Path(chosen.workload).suffix.lower())
    if reader is None or chosen.arrival is None:
        raise SettingError(
            f"--workload is {chosen.workload}; expected a file ending in {', '.join(_READERS)}, "
            "and --arrival with its column of arrival times."
        )
    workload = reader(
        chosen.workload,
        arrival=chosen.arrival,
        key=chosen.key,
        payload=chosen.payload,
        priority=chosen.priority,
        time_unit=chosen.time_unit,
    )
    return workload if payloads is None else workload.with_payloads(payloads, seed=chosen.seed)


def model_named(name: str) -> Any:
    """Return the model of an ONNX file, or of an import path ``module:object``."""
    if ":" not in name or name.lower().endswith(".onnx"):
        return OnnxModel(name)
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"MODEL is {name!r}, which cannot be imported ({error}); expected an .onnx file, or "
            "module:function."
        ) from error
    finally:
        sys.path.remove(os.getcwd())
    return found


def _rate_and_number(text: str) -> tuple[float, int]:
    rate, comma, number = text.partition(",")
    try:
        if not comma:
            raise ValueError
        return float(rate), int(number)
    except ValueError:
        raise SettingError(
            f"--poisson is {text!r}; expected requests per second and their number, as in 200,5000."
        ) from None


def _payloads(path: Path) -> list[Any]:
    try:
        if path.suffix.lower() == ".npy":
            return list(np.load(path, allow_pickle=False))
        return list(pd.read_csv(path).to_numpy(dtype=np.float32))
    except (OSError, ValueError, pd.errors.ParserError) as error:
        reason = " ".join(str(error).split())
        raise WorkloadError(
            f"--payloads {path} cannot be read ({reason}); expected a .npy file, or a .csv of "
            "numbers."
        ) from error
