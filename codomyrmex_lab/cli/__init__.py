"""The command ``codomyrmex-lab``: the lab's verbs in a terminal and in CI."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from tqdm import tqdm

from codomyrmex_lab.cli import exporting, profiling, traces, tuning
from codomyrmex_lab.cli.command import EXIT_CODES, INTERRUPTED, OK, TROUBLE
from codomyrmex_lab.errors import LabError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str or None
        What follows the command's name; that of this process if None.

    Returns
    -------
    int
        The exit code.
    """
    chosen = _parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warning_teller()
            return int(chosen.run(chosen))
    except KeyboardInterrupt:
        print("codomyrmex-lab: interrupted", file=sys.stderr)
        return INTERRUPTED
    except LabError as error:
        print(f"codomyrmex-lab: {error}", file=sys.stderr)
        return TROUBLE
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _warning_teller() -> Callable[..., None]:
    """Return what shows warnings: each once, as a sentence without a place in the code."""
    told: set[str] = set()

    def tell(message: Warning | str, *_: object, **__: object) -> None:
        text = str(message)
        if text not in told:
            told.add(text)
            tqdm.write(f"codomyrmex-lab: {text}", file=sys.stderr)

    return tell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="codomyrmex-lab",
        description="Find the serving settings for a model and its traffic.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    areas = parser.add_subparsers(required=True, metavar="COMMAND")
    for area in (profiling, tuning, exporting, traces):
        area.add_commands(areas)
    return parser
