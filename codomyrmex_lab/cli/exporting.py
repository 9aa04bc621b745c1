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
    command.add_argument("config", metavar="CONFIG", help="a .json, .toml or .yaml config")
    command.add_argument("--target", choices=list(TARGETS), required=True)
    command.add_argument("--output", metavar="FILE", help="the file to write; printed if left out")
    command.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    command.add_argument(
        "--strict", action="store_true", help="write nothing if the target leaves a setting out"
    )


def _export(chosen: argparse.Namespace) -> int:
    config, evidence = load_config(chosen.config), load_evidence(chosen.config)
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
