"""Compiles the kernels when they are first used, says so, and keeps the machine code on disk."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import event

from codomyrmex_lab.cache_folder import default_cache_dir

__all__ = ["compiled", "part"]

F = TypeVar("F", bound=Callable[..., Any])
_NOTICE = "Compiling the simulator for this machine, once; this takes a few seconds ..."
_PACKAGE = __name__.rpartition(".")[0]
# numba's stubs know less than numba
_njit: Any = numba.njit
_config: Any = numba.config
_register: Any = event.register
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}


def compiled(function: F) -> F:
    """Compile a function on its first call, or read what was compiled before.

    It runs without the interpreter's lock, so that screens stay responsive. Where no folder can
    be written to, it is compiled anew by each process.
    """
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_folder(before))  # read once, by the decorator
    try:
        return cast(F, _njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:
        return cast(F, _njit(**_OPTIONS)(function))
    finally:
        _config.CACHE_DIR = before


def part(function: F) -> F:
    """Compile a function that only compiled functions call, together with the first of them."""
    return cast(F, _njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS)(function))


def _folder(chosen: str) -> Path:
    """Return a folder for these sources: numba looks at a function's own file alone."""
    sources = hashlib.sha256()
    for path in sorted(Path(__file__).with_name("events").glob("*.py")):
        sources.update(path.read_bytes())
    base = Path(chosen) if chosen else default_cache_dir() / "kernels"
    return base / sources.hexdigest()[:16]


class _Notice(event.Listener):
    """Says, once in a process, that something of the simulator is being compiled."""

    def __init__(self) -> None:
        self._given = False

    def on_start(self, event: event.Event) -> None:
        """Tell whoever waits."""
        module = event.data["dispatcher"].py_func.__module__
        if not self._given and module.startswith(_PACKAGE):
            self._given = True
            print(_NOTICE, file=sys.stderr, flush=True)

    def on_end(self, event: event.Event) -> None:
        """Nothing more is said."""


_register("numba:compile", _Notice())
