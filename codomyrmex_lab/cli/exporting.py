"""``codomyrmex-lab export``: a config in another server's words."""

from __future__ import annotations

import argparse
import sys
import warnings

from codomyrmex_lab.cli.command import NOT_SO, OK, Commands, add_command
from codomyrmex_lab.errors import ExportWarning
from codomyrmex_lab.export import TARGETS, export, load_config, load_evidence, render

__all__ = ["add_commands"]


def add_commands(areas: Commands[argparse.ArgumentParser]) -> None:
    """Add ``export``."""
    command = add_command(areas, "export", _export, "write a config in a server's own format")
    command.add_argument(
        "config", metavar="CONFIG", help="a file that 'tune', 'verify' or 'export' has written"
    )
    command.add_argument(
        "--source",
        choices=list(TARGETS),
        metavar="TARGET",
        help="its format, by default its ending",
    )
    command.add_argument(
        "--target",
        choices=list(TARGETS),
        metavar="TARGET",
        required=True,
        help=f"one of {', '.join(TARGETS)}",
    )
    command.add_argument("--output", metavar="FILE", help="the file to write; printed if left out")
    command.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    command.add_argument(
        "--strict", action="store_true", help="write nothing if the target leaves a setting out"
    )


def _export(chosen: argparse.Namespace) -> int:
    config = load_config(chosen.config, chosen.source)
    evidence = load_evidence(chosen.config, chosen.source)
    if evidence is None:
        print(f"codomyrmex-lab: {chosen.config} has no evidence to carry over", file=sys.stderr)
    rendered = render(config, chosen.target, evidence)
    for warning in rendered.warnings:
        print(f"codomyrmex-lab: not expressed: {warning}", file=sys.stderr)
    if chosen.strict and rendered.warnings:
        return NOT_SO
    if chosen.output is None:
        print(rendered.text, end="")
        return OK
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)  # they are printed already
        export(config, chosen.target, chosen.output, chosen.overwrite, evidence)
    print(f"Written: {chosen.output}")
    return OK
