"""Converted models on disk: written whole or not at all, shared by processes."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from codomyrmex_lab.cache_folder import CACHE_VARIABLE, default_cache_dir
from codomyrmex_lab.errors import VariantError
from codomyrmex_lab.runtimes.onnx_file import is_whole

__all__ = ["ConversionCache", "default_cache_dir"]

_DRAFTS = ".converting-"
_ABANDONED_S = 24 * 3600  # no conversion takes so long: its process was killed


class ConversionCache:
    """A folder of files, each made once.

    Parameters
    ----------
    folder : pathlib.Path
        Where they are kept; made when the first one is.
    is_whole : callable
        Whether a file found there can be used; a full disk or a power cut may have spoiled it.
    """

    def __init__(self, folder: Path, is_whole: Callable[[Path], bool] = is_whole) -> None:
        self.folder = folder
        self._is_whole = is_whole

    def get(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return the file of this name, made by ``make(path)`` if it is not there, or not whole.

        ``make`` writes to a temporary path, and the file takes its name in one step. So a process
        killed half-way leaves no broken file, and of two processes at work on the same file each
        gets a whole one.

        Raises
        ------
        VariantError
            The folder cannot be written to. Errors of ``make`` pass through.
        """
        path = self.folder / name
        if path.is_file() and self._is_whole(path):
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned_drafts()
            with tempfile.TemporaryDirectory(dir=self.folder, prefix=_DRAFTS) as folder:
                draft = Path(folder) / name
                make(draft)
                draft.replace(path)
        except OSError as error:
            raise VariantError(
                f"The converted model cannot be written to {self.folder} ({error.strerror}); "
                f"name another folder with cache_dir or environment variable {CACHE_VARIABLE}."
            ) from error
        return path

    def _remove_abandoned_drafts(self) -> None:
        oldest_s = time.time() - _ABANDONED_S
        for draft in self.folder.glob(f"{_DRAFTS}*"):
            try:
                abandoned = draft.stat().st_mtime < oldest_s
            except FileNotFoundError:  # its process has just ended
                continue
            if abandoned:
                shutil.rmtree(draft, ignore_errors=True)
