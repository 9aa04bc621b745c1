"""What an export target is: how a config becomes its text and, where possible, comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["Evidence", "ExportTarget", "Rendered", "malformed"]

Evidence = Mapping[str, Any]
"""Where a config comes from, as plain values by name; mappings may hold mappings."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A config as a target's text.

    Parameters
    ----------
    text : str
        What :func:`codomyrmex_lab.export.export` writes.
    warnings : tuple[str, ...]
        One sentence per setting that the target does not act on, or not exactly.
    """

    text: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """One text format that a config can be written in.

    Parameters
    ----------
    name : str
        What a user calls it, as in ``export(config, target=name)``.
    file_name : str
        What such a file is usually called.
    suffixes : tuple[str, ...]
        File name endings that such files have, with the dot.
    render : Callable
        Config, and evidence or None, to text.
    parse : Callable
        Text and the name of its source to config.
    read : Callable or None
        Text and the name of its source to the whole record, evidence included; None for formats
        that hold evidence as comments.
    """

    name: str
    file_name: str
    suffixes: tuple[str, ...]
    render: Callable[[OptimizationConfig, Evidence | None], Rendered]
    parse: Callable[[str, str], OptimizationConfig]
    read: Callable[[str, str], object] | None = None


def malformed(source: str, language: str, problem: str) -> ConfigFileError:
    """Return the error for a text that its parser refuses."""
    return ConfigFileError(f"{source} is not well-formed {language}: {problem.rstrip('.')}.")
