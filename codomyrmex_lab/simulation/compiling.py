"""Compiles the kernels when they are first used, says so, and keeps the machine code on disk."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numba.core import caching, event

from codomyrmex_lab.cache_folder import default_cache_dir
from codomyrmex_lab.logging_monitoring import get_logger

__all__ = ["compiled", "index", "part"]

F = TypeVar("F", bound=Callable[..., Any])
_NOTICE = "Compiling the simulator for this machine, once; this takes a few seconds ..."
_PACKAGE = __name__.rpartition(".")[0]
_SOURCES = (  # of what is compiled, and of the constants that become part of it
    "simulation/compiling.py",
    "simulation/events/*.py",
    "simulation/figures.py",
    "simulation/miss_ratio_kernel.py",
    "optimization/clock.py",
    "optimization/models.py",
    "optimization/policy.py",
    "tracing/columns.py",
)
index: Any = np.uint32
"""Makes an index of a number: each use of a signed one asks whether it counts from the end."""
_log = get_logger(__name__)
# numba's stubs know less than numba
_njit: Any = numba.njit
_config: Any = numba.config
_register: Any = event.register
_FunctionCache: Any = caching.FunctionCache
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def compiled(function: F) -> F:
    """Compile a function on its first call, or read what was compiled before.

    It runs without the interpreter's lock, so that screens stay responsive. What was compiled is
    kept in this user's cache folder, never beside the sources unless nothing else can be written
    to; where no folder can be, it is compiled anew by each process.
    """
    dispatcher = _njit(**_OPTIONS)(function)
    before = _config.CACHE_DIR
    try:
        _config.CACHE_DIR = str(_folder(before))  # read once, by the cache
        dispatcher._cache = _KernelCache(function)
    except RuntimeError as error:
        _log.warning("The compiled simulator cannot be kept: %s", error)
    finally:
        _config.CACHE_DIR = before
    return cast(F, dispatcher)


def part(function: F) -> F:
    """Compile a function that only compiled functions call, as a part of each of them.

    Calling it would cost more than most of them do: an array is passed as eight numbers.
    """
    return cast(F, _njit(no_cpython_wrapper=True, forceinline=True, **_OPTIONS)(function))


class _KernelCache(_FunctionCache):  # type: ignore[misc]
    """numba's cache, of which a damaged file or a full disk costs no more than the time to compile.

    What is wrong with a file shows itself as any kind of error when it is read.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what was compiled before, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:
            _log.warning("%s cannot be read, so it is compiled anew: %r", self.cache_path, error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled, if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _log.warning("%s cannot be written, so nothing is kept: %r", self.cache_path, error)


def _folder(chosen: str) -> Path:
    """Return a folder for these sources: numba looks at the date of a function's own file alone."""
    base = Path(chosen) if chosen else default_cache_dir() / "kernels"
    return base / _sources_digest()


@cache
def _sources_digest() -> str:
    hashed = hashlib.sha256()
    for path in _sources():
        hashed.update(path.read_bytes())
    return hashed.hexdigest()[:16]


def _sources() -> list[Path]:
    lab = Path(__file__).parents[1]
    return [path for pattern in _SOURCES for path in sorted(lab.glob(pattern))]


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


class _Rest(event.Listener):
    """Lets the garbage collector rest meanwhile: it finds little, in a ninth of the time."""

    def __init__(self) -> None:
        self._begun_by: object = None

    def on_start(self, event: event.Event) -> None:
        """Begin, unless it rests already; the compiler's lock is held."""
        dispatcher = event.data["dispatcher"]
        if gc.isenabled() and dispatcher.py_func.__module__.startswith(_PACKAGE):
            self._begun_by = dispatcher
            gc.disable()

    def on_end(self, event: event.Event) -> None:
        """End what this function began."""
        if event.data["dispatcher"] is self._begun_by:
            self._begun_by = None
            gc.enable()


for _listener in (_Notice(), _Rest()):
    _register("numba:compile", _listener)
