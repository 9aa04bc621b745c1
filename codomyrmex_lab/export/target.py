"""What an export target is: how a config becomes its text and, where possible, comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codomyrmex_lab.errors import ConfigFileError
from codomyrmex_lab.optimization.models import OptimizationConfig

__all__ = ["ExportTarget", "malformed"]


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """One text format that a config can be written in.

    Parameters
    ----------
    name : str
        What a user calls it, as in ``export(config, target=name)``.
    suffixes : tuple[str, ...]
        File name endings that mean this target, with the dot.
    render : Callable
        Config to text.
    parse : Callable or None
        Text and the name of its source to config; None where the text does not carry enough.
    """

    name: str
    suffixes: tuple[str, ...]
    render: Callable[[OptimizationConfig], str]
    parse: Callable[[str, str], OptimizationConfig] | None = None


def malformed(source: str, language: str, problem: str) -> ConfigFileError:
    """Return the error for a text that its parser refuses."""
    return ConfigFileError(f"{source} is not well-formed {language}: {problem.rstrip('.')}.")
