"""What all commands share: exit codes, and how a command is added."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = [
    "EXIT_CODES",
    "INTERRUPTED",
    "NOT_SO",
    "OK",
    "TROUBLE",
    "Commands",
    "add_command",
    "table",
]

OK, NOT_SO, TROUBLE, INTERRUPTED = 0, 1, 2, 130
EXIT_CODES = """exit codes:
  0  done; every requirement holds; the traces do not differ
  1  a requirement does not hold: no settings hold all constraints, in the simulation or on the
     real engine; an export leaves settings out (--strict); the traces differ by more than noise
  2  the command or a file cannot be used, and standard error says why
  130  interrupted; with --store, the same command goes on from there
"""
Commands = argparse._SubParsersAction


def add_command(
    commands: Commands[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    parents: tuple[argparse.ArgumentParser, ...] = (),
    names: str = "",
) -> argparse.ArgumentParser:
    """Add a command that calls ``run`` with what was chosen; its help lists the names."""
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"{names}\n\n{EXIT_CODES}" if names else EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=list(parents),
    )
    command.set_defaults(run=run)
    return command


def table(frame: pd.DataFrame) -> str:
    """Return a frame as text, with its index as the first column."""
    text: str = frame.map(_cell).reset_index().to_string(index=False)
    return text


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | np.bool_):
        return str(value).lower()  # as options have it
    number = float(value)  # type: ignore[arg-type]
    if math.isnan(number):
        return "-"
    return f"{number:,.0f}" if number.is_integer() and abs(number) >= 1000 else f"{number:,.4g}"
